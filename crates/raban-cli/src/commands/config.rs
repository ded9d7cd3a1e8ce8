//! `raban config`: which settings there are, and what is in force.

mod check;

use raban::config::{SETTINGS, Setting, Treatment};
use serde::Serialize;

use crate::args::{Config, ConfigCommand, ConfigFormat};
use crate::exit::{Exit, Failure};
use crate::output::printed;

/// The widest line of a meaning, as terminals have it.
const WIDTH: usize = 80;
const INDENT: &str = "    ";

pub(crate) fn run(args: &Config) -> Result<Exit, Failure> {
    match &args.check {
        Some(ConfigCommand::Check(args)) => check::run(args),
        None => list(args),
    }
}

fn list(args: &Config) -> Result<Exit, Failure> {
    for pattern in &args.names {
        if !SETTINGS.iter().any(|setting| matches(setting, pattern)) {
            return Err(Failure::usage(format!(
                "there is no setting {pattern:?}; `raban config` lists all, and 'retry.*' those that begin so"
            )));
        }
    }
    let wanted = |setting: &&Setting| {
        args.names.is_empty() || args.names.iter().any(|pattern| matches(setting, pattern))
    };
    printed(|data| {
        for setting in SETTINGS.iter().filter(wanted) {
            match args.format {
                ConfigFormat::Text => data.write(in_words(setting).as_bytes())?,
                ConfigFormat::Json => data.write_json(&Row::from(setting))?,
            }
        }
        Ok(())
    })
}

/// Whether the setting is meant by a name, or by the part of it before a `*`.
fn matches(setting: &Setting, pattern: &str) -> bool {
    let names = std::iter::once(&setting.name).chain(setting.aliases);
    match pattern.strip_suffix('*') {
        Some(beginning) => setting.name.starts_with(beginning),
        None => names.into_iter().any(|name| *name == pattern),
    }
}

fn in_words(setting: &Setting) -> String {
    let default = match setting.default {
        _ if setting.required => "required".to_owned(),
        Some("") | None => "no default".to_owned(),
        Some(default) => format!("default {default}"),
    };
    let mut text = format!(
        "{}\n{INDENT}{}, {default}; {}; importance {}\n",
        setting.name,
        setting.kind,
        setting.values(),
        setting.importance
    );
    let also = match setting.aliases {
        [] => String::new(),
        aliases => format!("Also: {}.", aliases.join(", ")),
    };
    let treatment = match reason(setting.treatment) {
        ("effect", _) => String::new(),
        ("translated", how) => format!("In raban: {how}."),
        ("accepted", why) => format!("No effect: {why}."),
        (_, why) => format!("Refused: {why}."),
    };
    for paragraph in [setting.doc, &also, &treatment] {
        wrap(&mut text, paragraph);
    }
    text.push('\n');
    text
}

/// What raban does with a setting, as one word, and how or why.
fn reason(treatment: Treatment) -> (&'static str, &'static str) {
    match treatment {
        Treatment::Effect => ("effect", ""),
        Treatment::Translated(how) => ("translated", how),
        Treatment::Accepted(why) => ("accepted", why),
        Treatment::Refused(why) => ("refused", why),
    }
}

fn wrap(text: &mut String, paragraph: &str) {
    let mut line = String::new();
    for word in paragraph.split_whitespace() {
        if !line.is_empty() && INDENT.len() + line.len() + 1 + word.len() > WIDTH {
            text.extend([INDENT, line.trim_end(), "\n"]);
            line.clear();
        }
        line.extend([word, " "]);
    }
    if !line.is_empty() {
        text.extend([INDENT, line.trim_end(), "\n"]);
    }
}

#[derive(Debug, Serialize)]
struct Row {
    name: &'static str,
    r#type: String,
    default: Option<&'static str>,
    required: bool,
    valid: String,
    unit: &'static str,
    importance: String,
    doc: &'static str,
    aliases: &'static [&'static str],
    treatment: &'static str,
    reason: &'static str,
}

impl From<&Setting> for Row {
    fn from(setting: &Setting) -> Self {
        let (treatment, reason) = reason(setting.treatment);
        Self {
            name: setting.name,
            r#type: setting.kind.to_string(),
            default: setting.default,
            required: setting.required,
            valid: setting.values(),
            unit: setting.unit(),
            importance: setting.importance.to_string(),
            doc: setting.doc,
            aliases: setting.aliases,
            treatment,
            reason,
        }
    }
}
