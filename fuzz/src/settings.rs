//! Properties files, and the settings in them.

use raban_core::Config;
use raban_core::config::{SETTINGS, Settings};

/// The most settings that are checked in one go: it takes its time.
const MOST: usize = 3;

/// The content of a properties file.
pub fn run(data: &[u8]) {
    let Ok(mut settings) = Settings::from_properties_file("f", data) else {
        return;
    };
    // What was read can be set again and means the same; only `set` trims its keys.
    let pairs: Vec<_> = settings.iter().collect();
    if pairs.iter().all(|(key, _)| key.trim() == *key) {
        let mut again = Settings::new();
        for (key, value) in &pairs {
            again.set(*key, *value);
        }
        assert!(again.iter().eq(pairs));
    }
    // Each unknown key is compared with all that are known.
    if settings.len() > MOST {
        return;
    }
    let strict = Config::from_settings(&settings);
    // The messages are made, too.
    if let Err(error) = &strict {
        assert!(!error.to_string().is_empty());
    }
    settings.allow_unknown(true);
    let lenient = Config::from_settings(&settings);
    assert!(lenient.is_ok() || strict.is_err());
}

pub fn seeds() -> Vec<Vec<u8>> {
    let defaults = SETTINGS.iter().map(|setting| {
        let value = setting.default.unwrap_or_default();
        format!("{}={value}\n", setting.name)
    });
    let mut seeds: Vec<Vec<u8>> = defaults.map(String::into_bytes).collect();
    seeds.push(
        b"# a comment\r\n! another\nbootstrap.servers = a:1,\\\n   [::1]:2\nclient.id:\\u00e9\\t\nlinger ms\n\\ =\\\n"
            .to_vec(),
    );
    seeds.push(
        "bootstrap.servers=é:1\nacks=all\nacsk=1\n"
            .as_bytes()
            .to_vec(),
    );
    seeds.push(b"bootstrap.servers=\xe9:9092\n".to_vec());
    seeds
}
