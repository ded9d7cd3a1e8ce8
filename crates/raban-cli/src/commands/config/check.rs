//! `raban config check`: judges a properties file, and tells which values are in force.

use std::io::{self, Read};
use std::path::Path;

use raban::config::{EffectiveValue, Source, Treatment};
use serde::Serialize;

use crate::args::{ConfigCheck, ConfigFormat};
use crate::cluster::{parse_properties, set_properties};
use crate::exit::{Exit, Failure};
use crate::output::printed;
use crate::progress::tell;
use crate::serializers::Serializers;

pub(super) fn run(args: &ConfigCheck) -> Result<Exit, Failure> {
    let mut settings = parse_properties(&name(&args.file), read(&args.file)?)?;
    set_properties(&mut settings, &args.properties)?;
    // `raban produce` runs on them, too, and takes serializers from them before the producer does.
    let produced = Serializers::check(&settings).map_err(|failure| failure.to_string());
    let checked = settings.check().map_err(|error| error.to_string());
    let checked = match (produced, checked) {
        (Ok(()), Ok(checked)) => checked,
        (Err(problem), Ok(_)) | (Ok(()), Err(problem)) => return Err(Failure::usage(problem)),
        (Err(first), Err(rest)) => return Err(Failure::usage(format!("{first}\n{rest}"))),
    };
    for warning in &checked.warnings {
        tell(&format!("warning: {warning}"));
    }
    printed(|data| {
        for value in &checked.values {
            match args.format {
                ConfigFormat::Text => data.write(in_words(value).as_bytes())?,
                ConfigFormat::Json => data.write_json(&Line::from(value))?,
            }
        }
        Ok(())
    })
}

fn name(file: &Path) -> String {
    match file.to_str() {
        Some("-") => "standard input".to_owned(),
        _ => file.display().to_string(),
    }
}

fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    let read = if file == Path::new("-") {
        let mut content = Vec::new();
        io::stdin().read_to_end(&mut content).map(|_| content)
    } else {
        std::fs::read(file)
    };
    read.map_err(|error| {
        let name = name(file);
        Failure::usage(format!(
            "can't read {name}: {error}; name a properties file"
        ))
    })
}

/// Of a refused setting the values that aren't refused are obeyed.
fn has_effect(value: &EffectiveValue) -> bool {
    !matches!(value.setting.treatment, Treatment::Accepted(_))
}

/// Empty for what nobody needs to know.
fn in_words(effective: &EffectiveValue) -> String {
    let EffectiveValue {
        setting,
        value,
        source,
        ..
    } = effective;
    let source = match source {
        Source::Default if !has_effect(effective) || value.is_none() => return String::new(),
        Source::Default => "default",
        Source::Changed => "changed",
        Source::Set { origin, .. } => origin.as_deref().unwrap_or("-X"),
    };
    let idle = match has_effect(effective) {
        true => "",
        false => ", no effect",
    };
    let value = value.as_deref().unwrap_or_default().escape_debug();
    format!("{}={value}\t{source}{idle}\n", setting.name)
}

#[derive(Debug, Serialize)]
struct Line<'a> {
    name: &'static str,
    value: Option<&'a str>,
    source: &'static str,
    origin: Option<&'a str>,
    has_effect: bool,
}

impl<'a> From<&'a EffectiveValue> for Line<'a> {
    fn from(effective: &'a EffectiveValue) -> Self {
        let (source, origin) = match &effective.source {
            Source::Default => ("default", None),
            Source::Changed => ("changed", None),
            Source::Set { origin, .. } => ("set", origin.as_deref()),
        };
        Self {
            name: effective.setting.name,
            value: effective.value.as_deref(),
            source,
            origin,
            has_effect: has_effect(effective),
        }
    }
}
