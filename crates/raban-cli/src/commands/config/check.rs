//! `raban config check`: judges a properties file, and tells which values are in force.

use raban::config::{self, EffectiveValue, Treatment};
use serde::Serialize;

use crate::args::{ConfigCheck, ConfigFormat};
use crate::cluster::parse_properties;
use crate::exit::{Exit, Failure};
use crate::input::Source;
use crate::output::printed;
use crate::progress::tell;
use crate::serializers::Serializers;

pub(super) fn run(args: &ConfigCheck) -> Result<Exit, Failure> {
    let source = Source::open(&args.file, "", "a properties file")?;
    let name = source.name.clone();
    let mut settings = parse_properties(&name, source.read_to_end()?)?;
    args.properties.set(&mut settings)?;
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
        config::Source::Default if !has_effect(effective) || value.is_none() => {
            return String::new();
        }
        config::Source::Default => "default",
        config::Source::Changed => "changed",
        config::Source::Set { origin, .. } => origin.as_deref().unwrap_or("-X"),
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
            config::Source::Default => ("default", None),
            config::Source::Changed => ("changed", None),
            config::Source::Set { origin, .. } => ("set", origin.as_deref()),
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
