//! The table against the Java client's, each row's treatment, the rules, and the words of errors.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use raban_protocol::compression::Compression;

use super::*;

const SERVERS: (&str, &str) = ("bootstrap.servers", "localhost:9092");

fn check(properties: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let servers = (!properties.iter().any(|(key, _)| *key == SERVERS.0)).then_some(SERVERS);
    Config::from_properties(servers.into_iter().chain(properties.iter().copied()))
}

fn config(properties: &[(&str, &str)]) -> Config {
    check(properties).unwrap()
}

fn error(properties: &[(&str, &str)]) -> String {
    check(properties).unwrap_err().to_string()
}

fn warnings(properties: &[(&str, &str)]) -> Vec<String> {
    let config = config(properties);
    config
        .warnings
        .iter()
        .map(ConfigWarning::to_string)
        .collect()
}

/// All of the configuration but its warnings.
fn fields(config: &Config) -> String {
    let mut config = config.clone();
    config.warnings.clear();
    format!("{config:?}")
}

mod table {
    use super::*;

    /// Name, type, default, valid values and importance as the Java client 4.4.0 declares them.
    const JAVA: &str = include_str!("../../tests/golden/java-settings.tsv");

    /// Defaults that differ from Java's, which requires both serializers.
    const OTHER_DEFAULTS: [&str; 2] = ["key.serializer", "value.serializer"];

    /// Ranges that Java leaves open although negative numbers make no sense.
    const NARROWER: [&str; 2] = [
        "socket.connection.setup.timeout.ms",
        "socket.connection.setup.timeout.max.ms",
    ];

    fn java_rows() -> impl Iterator<Item = [&'static str; 5]> {
        JAVA.lines().skip(1).map(|line| {
            let columns: Vec<_> = line.split('\t').collect();
            columns.try_into().unwrap()
        })
    }

    /// The entries of a list as Java prints it, whose order means nothing.
    fn set(list: &str) -> BTreeSet<&str> {
        list.trim_start_matches('[')
            .trim_end_matches(']')
            .split(", ")
            .collect()
    }

    fn java_default(setting: &Setting) -> String {
        match (setting.default, setting.kind) {
            (None, _) if setting.required => "(required)".to_owned(),
            (None, _) => "null".to_owned(),
            (Some(list), SettingType::List) => format!("[{}]", list.replace(',', ", ")),
            (Some(class), SettingType::Class) => format!("class {class}"),
            (Some(value), _) => value.to_owned(),
        }
    }

    fn agrees(valid: Valid, java: &str) -> bool {
        match valid {
            Valid::Any => java.is_empty(),
            Valid::AtLeast(min) => java == format!("[{min},...]"),
            Valid::Between(min, max) => java == format!("[{min},...,{max}]"),
            Valid::BetweenOr(min, max, other) => java == format!("[{min},...,{max}] or {other}"),
            Valid::BetweenDecimals(min, max) => java == format!("[{min:?},...,{max:?}]"),
            Valid::OneOf(texts) => set(java) == texts.iter().copied().collect(),
            Valid::OneOfAnyCase(texts) => java
                .strip_prefix("(case insensitive) ")
                .is_some_and(|list| set(list) == texts.iter().copied().collect()),
            Valid::NonEmpty => java == "non-empty string",
        }
    }

    #[test]
    fn has_every_setting_of_the_java_client_and_those_of_its_own() {
        let ours: BTreeSet<_> = SETTINGS.iter().map(|setting| setting.name).collect();
        let java: BTreeSet<_> = java_rows().map(|[name, ..]| name).collect();
        assert_eq!(java.len(), 120);
        let own: Vec<_> = ours.symmetric_difference(&java).copied().collect();
        assert_eq!(
            own,
            [
                "allow.auto.create.topics",
                "batch.growth.enable",
                "in.doubt.policy",
                "statistics.interval.ms"
            ]
        );
    }

    /// What raban does with each of them.
    const TREATMENTS: &str = include_str!("../../tests/golden/treatments.tsv");

    #[test]
    fn treats_each_setting_of_the_java_client_as_is_written_down() {
        let expected: BTreeMap<_, _> = TREATMENTS
            .lines()
            .map(|line| line.split_once('\t').unwrap())
            .collect();
        assert_eq!(expected.len(), TREATMENTS.lines().count(), "each once");
        assert_eq!(expected.len(), java_rows().count());
        for [name, ..] in java_rows() {
            let setting = super::super::table::find(name).unwrap();
            let (treatment, reason) = match setting.treatment {
                Treatment::Effect => ("effect", None),
                Treatment::Translated(how) => ("translated", Some(how)),
                Treatment::Accepted(why) => ("accepted", Some(why)),
                Treatment::Refused(why) => ("refused", Some(why)),
            };
            assert_eq!(expected.get(name), Some(&treatment), "{name}");
            assert!(reason.is_none_or(|reason| reason.len() > 20), "{name}");
        }
    }

    #[test]
    fn agrees_with_the_java_client_row_by_row() {
        for [name, kind, default, valid, importance] in java_rows() {
            let setting = super::super::table::find(name).unwrap();
            assert_eq!(setting.name, name);
            assert_eq!(setting.kind.to_string(), kind, "{name}");
            assert_eq!(setting.importance.to_string(), importance, "{name}");
            if OTHER_DEFAULTS.contains(&name) {
                assert_eq!(default, "(required)", "{name}");
                assert!(setting.doc.contains("Java client requires it"), "{name}");
            } else {
                assert_eq!(java_default(setting), default, "{name}");
            }
            if NARROWER.contains(&name) {
                assert_eq!((valid, setting.valid), ("", Valid::AtLeast(0)), "{name}");
            } else {
                assert!(agrees(setting.valid, valid), "{name}: {:?}", setting.valid);
            }
        }
    }

    #[test]
    fn every_default_is_valid() {
        for setting in SETTINGS {
            if let Some(default) = setting.default {
                assert!(setting.parse(default).is_ok(), "{}", setting.name);
            }
        }
    }

    #[test]
    fn every_name_and_alias_means_one_setting() {
        let mut seen = BTreeSet::new();
        for setting in SETTINGS {
            for name in std::iter::once(&setting.name).chain(setting.aliases) {
                assert!(seen.insert(name), "{name}");
            }
        }
    }

    #[test]
    fn every_doc_is_a_sentence_that_names_the_unit() {
        for setting in SETTINGS {
            let doc = setting.doc;
            assert!(
                doc.len() > 20 && doc.ends_with('.'),
                "{}: {doc}",
                setting.name
            );
            assert!(doc.contains(setting.unit()), "{}: {doc}", setting.name);
        }
    }
}

mod treatments {
    use super::*;

    /// A valid value that is neither the default nor what raban does anyway.
    fn other_value(setting: &Setting) -> String {
        let number = |default: &str| -> i64 { default.parse().unwrap() };
        match (setting.name, setting.valid, setting.kind) {
            ("bootstrap.servers", ..) => "other:1".to_owned(),
            ("key.serializer" | "value.serializer", ..) => {
                "org.apache.kafka.common.serialization.StringSerializer".to_owned()
            }
            ("partitioner.class", ..) => "fnv1a".to_owned(),
            // The only level of lz4 that every build has is the default.
            ("compression.lz4.level", ..) => "9".to_owned(),
            ("compression.gzip.level" | "compression.zstd.level" | "acks" | "retries", ..) => {
                "1".to_owned()
            }
            ("max.in.flight.requests.per.connection", ..) => "2".to_owned(),
            (_, Valid::OneOf(texts) | Valid::OneOfAnyCase(texts), _) => texts
                .iter()
                .find(|text| {
                    let is_default = setting
                        .default
                        .is_some_and(|d| d.eq_ignore_ascii_case(text));
                    !setting.is_already(text) && !is_default
                })
                .unwrap_or(&texts[0])
                .to_string(),
            (_, _, SettingType::Boolean)
                if setting.default == Some("true") && !setting.is_already("false") =>
            {
                "false".to_owned()
            }
            (_, _, SettingType::Boolean) => "true".to_owned(),
            (_, _, SettingType::Int | SettingType::Long | SettingType::Short) => {
                (number(setting.default.unwrap_or("7")) + 1).to_string()
            }
            // Within the range of each of them, and the default of none.
            (_, Valid::BetweenDecimals(min, max), _) => ((min + max) / 2.0).to_string(),
            (_, _, SettingType::Double) => "0.07".to_owned(),
            _ => "some.text".to_owned(),
        }
    }

    /// What must be set along for a setting to matter.
    fn context(name: &str) -> Vec<(&'static str, &'static str)> {
        match name {
            "compression.gzip.level" => vec![("compression.type", "gzip")],
            "compression.lz4.level" => vec![("compression.type", "lz4")],
            "compression.zstd.level" => vec![("compression.type", "zstd")],
            "partitioner.rack.aware" => vec![("client.rack", "a")],
            _ => Vec::new(),
        }
    }

    fn with<'a>(setting: &'a Setting, value: &'a str) -> Vec<(&'a str, &'a str)> {
        let mut properties = context(setting.name);
        properties.push((setting.name, value));
        properties
    }

    fn needs_a_codec(setting: &Setting) -> bool {
        setting.name.starts_with("compression.")
    }

    #[test]
    fn settings_with_effect_change_the_configuration_and_cause_no_warning() {
        for setting in SETTINGS
            .iter()
            .filter(|setting| setting.treatment == Treatment::Effect)
        {
            if needs_a_codec(setting) {
                continue;
            }
            let value = other_value(setting);
            let changed = config(&with(setting, &value));
            let base = config(&context(setting.name));
            assert_ne!(fields(&changed), fields(&base), "{}={value}", setting.name);
        }
    }

    #[test]
    #[cfg(all(feature = "gzip", feature = "lz4", feature = "zstd"))]
    fn settings_of_compression_have_an_effect() {
        for setting in SETTINGS.iter().filter(|setting| needs_a_codec(setting)) {
            let value = other_value(setting);
            let changed = config(&with(setting, &value));
            let base = config(&context(setting.name));
            // The one level of lz4 is its default.
            let same = setting.name == "compression.lz4.level";
            assert_eq!(
                fields(&changed) == fields(&base),
                same,
                "{}={value}",
                setting.name
            );
        }
    }

    #[test]
    fn a_default_that_is_set_changes_nothing() {
        for setting in SETTINGS {
            // Set alone, it disables the doubling; set empty, the client has no name.
            if ["reconnect.backoff.ms", "client.id"].contains(&setting.name) {
                continue;
            }
            let Some(default) = setting.default else {
                continue;
            };
            assert_eq!(
                fields(&config(&[(setting.name, default)])),
                fields(&config(&[])),
                "{}",
                setting.name
            );
        }
    }

    #[test]
    fn accepted_settings_change_nothing_and_say_so() {
        for setting in SETTINGS {
            let Treatment::Accepted(reason) = setting.treatment else {
                continue;
            };
            let value = other_value(setting);
            let changed = config(&with(setting, &value));
            assert_eq!(fields(&changed), fields(&config(&[])), "{}", setting.name);
            let expected = format!("has no effect: {reason}.");
            assert!(
                changed.warnings.iter().any(|warning| warning
                    .keys()
                    .iter()
                    .any(|key| key == setting.name)
                    && warning.message().ends_with(&expected)),
                "{}: {:?}",
                setting.name,
                changed.warnings
            );
            for value in setting.already_so {
                assert_eq!(
                    warnings(&[(setting.name, value)]),
                    [""; 0],
                    "{}",
                    setting.name
                );
            }
        }
    }

    #[test]
    fn refused_settings_are_errors_unless_they_ask_for_what_is_done_anyway() {
        for setting in SETTINGS {
            let Treatment::Refused(reason) = setting.treatment else {
                continue;
            };
            let value = other_value(setting);
            let refused = check(&with(setting, &value)).unwrap_err();
            let [problem] = refused.problems() else {
                panic!("{refused}")
            };
            assert_eq!(problem.kind(), ConfigProblemKind::Refused);
            assert_eq!(problem.key(), setting.name);
            assert_eq!(
                problem.to_string(),
                format!("`{}={value}` is refused: {reason}.", setting.name)
            );
            for value in setting.already_so {
                assert_eq!(
                    warnings(&[(setting.name, value)]),
                    [""; 0],
                    "{}",
                    setting.name
                );
            }
        }
    }

    #[test]
    fn aliases_stand_for_their_settings() {
        for setting in SETTINGS {
            if needs_a_codec(setting) {
                continue;
            }
            let value = other_value(setting);
            for alias in setting.aliases {
                let settings = [SERVERS, (alias, value.as_str())];
                let by_alias = Config::from_properties(settings).unwrap();
                let by_name =
                    Config::from_properties([SERVERS, (setting.name, value.as_str())]).unwrap();
                assert_eq!(fields(&by_alias), fields(&by_name), "{alias}");
            }
        }
    }

    #[test]
    fn values_of_a_wrong_type_are_errors() {
        for setting in SETTINGS {
            let wrong = match setting.kind {
                SettingType::Boolean => "yes",
                SettingType::Int | SettingType::Long | SettingType::Short => "5ms",
                SettingType::Double => "NaN",
                _ => continue,
            };
            let invalid = check(&[(setting.name, wrong)]).unwrap_err();
            let [problem] = invalid.problems() else {
                panic!("{invalid}")
            };
            assert_eq!(
                problem.kind(),
                ConfigProblemKind::Invalid,
                "{}",
                setting.name
            );
            assert!(
                problem
                    .message()
                    .starts_with(&format!("`{}={wrong}` is invalid: ", setting.name))
            );
        }
    }

    #[test]
    fn values_out_of_range_are_errors() {
        for setting in SETTINGS {
            let outside: Vec<String> = match setting.valid {
                Valid::Any => continue,
                Valid::AtLeast(min) => vec![(min - 1).to_string()],
                Valid::Between(min, max) => vec![(min - 1).to_string(), (max + 1).to_string()],
                Valid::BetweenOr(min, max, _) => vec![(min - 1).to_string(), (max + 1).to_string()],
                Valid::BetweenDecimals(min, max) => {
                    vec![(min - 0.1).to_string(), (max + 0.1).to_string()]
                }
                Valid::OneOf(_) | Valid::OneOfAnyCase(_) => vec!["other".to_owned(), String::new()],
                Valid::NonEmpty => vec![" ".to_owned()],
            };
            for value in outside {
                let invalid = check(&[(setting.name, &value)]).unwrap_err();
                assert_eq!(invalid.problems().len(), 1, "{invalid}");
                assert_eq!(
                    invalid.problems()[0].kind(),
                    ConfigProblemKind::Invalid,
                    "{}={value}",
                    setting.name
                );
            }
        }
    }
}

mod values {
    use super::*;

    #[test]
    fn the_defaults_are_those_of_the_java_client() {
        let config = config(&[]);
        let ms = Duration::from_millis;
        assert_eq!(
            config.bootstrap,
            Bootstrap::Servers(vec![Address {
                host: "localhost".to_owned(),
                port: 9092
            }])
        );
        assert_eq!(config.client_id, None);
        assert_eq!((config.acks, config.enable_idempotence), (Acks::All, true));
        assert_eq!((config.retries, config.max_in_flight), (i32::MAX as u32, 5));
        assert_eq!(
            (config.delivery_timeout, config.request_timeout),
            (ms(120_000), ms(30_000))
        );
        assert_eq!(
            (config.retry_backoff, config.retry_backoff_max),
            (ms(100), ms(1000))
        );
        assert_eq!(
            (config.reconnect_backoff, config.reconnect_backoff_max),
            (ms(50), ms(1000))
        );
        assert_eq!((config.max_block, config.linger), (ms(60_000), ms(5)));
        assert_eq!(
            (config.batch_size, config.buffer_memory),
            (16_384, 33_554_432)
        );
        assert_eq!(config.max_request_size, 1_048_576);
        assert_eq!(config.codec.compression(), Compression::None);
        assert!(matches!(config.partitioner, Partitioning::BuiltIn));
        assert!(!config.ignore_keys && config.adaptive_partitioning && !config.rack_aware);
        assert_eq!(config.partition_availability_timeout, None);
        assert_eq!(config.connections_max_idle, Some(ms(540_000)));
        assert_eq!(config.connection_setup_timeout, ms(10_000));
        assert_eq!(config.connection_setup_timeout_max, ms(30_000));
        assert_eq!(
            (config.send_buffer, config.receive_buffer),
            (Some(131_072), Some(32_768))
        );
        assert_eq!(
            (config.metadata_max_age, config.metadata_max_idle),
            (ms(300_000), ms(300_000))
        );
        assert_eq!(config.warnings, []);
    }

    #[test]
    fn white_space_around_values_does_not_count() {
        let config = config(&[
            ("linger.ms", " 7 "),
            ("acks", "all\t"),
            ("enable.idempotence", " TRUE "),
        ]);
        assert_eq!(config.linger, Duration::from_millis(7));
        assert!(config.enable_idempotence);
    }

    #[test]
    fn acks_by_number_and_name() {
        for (value, acks, number) in [
            ("all", Acks::All, -1),
            ("-1", Acks::All, -1),
            ("1", Acks::Leader, 1),
            ("0", Acks::None, 0),
        ] {
            let config = config(&[("acks", value)]);
            assert_eq!((config.acks, config.acks.code()), (acks, number));
        }
    }

    #[test]
    fn special_numbers() {
        let config = config(&[
            ("batch.size", "0"),
            ("linger.ms", "9223372036854775807"),
            ("delivery.timeout.ms", "2147483647"),
            ("connections.max.idle.ms", "-1"),
            ("send.buffer.bytes", "-1"),
            ("receive.buffer.bytes", "0"),
            ("max.block.ms", "9223372036854775807"),
        ]);
        assert_eq!(config.batch_size, 1);
        assert_eq!(config.linger, Duration::from_millis(i32::MAX as u64));
        assert_eq!(config.connections_max_idle, None);
        assert_eq!((config.send_buffer, config.receive_buffer), (None, None));
        assert_eq!(config.max_block, Duration::from_millis(i64::MAX as u64));
    }

    #[test]
    #[cfg(all(
        feature = "gzip",
        feature = "snappy",
        feature = "lz4",
        feature = "zstd"
    ))]
    fn compression_takes_its_own_level_only() {
        for (name, compression) in [
            ("gzip", Compression::Gzip),
            ("snappy", Compression::Snappy),
            ("lz4", Compression::Lz4),
            ("zstd", Compression::Zstd),
        ] {
            let config = config(&[
                ("compression.type", name),
                ("compression.gzip.level", "3"),
                ("compression.lz4.level", "9"),
                ("compression.zstd.level", "1"),
            ]);
            assert_eq!(config.codec.compression(), compression);
        }
        // A level of a codec that is not used does no harm.
        config(&[("compression.lz4.level", "17")]);
        let refused =
            check(&[("compression.type", "lz4"), ("compression.lz4.level", "17")]).unwrap_err();
        assert_eq!(refused.problems()[0].key(), "compression.lz4.level");
        assert_eq!(refused.problems()[0].kind(), ConfigProblemKind::Refused);
    }

    #[test]
    #[cfg(not(feature = "gzip"))]
    fn a_codec_that_the_build_lacks_is_refused() {
        let refused = error(&[("compression.type", "gzip")]);
        assert!(refused.starts_with("`compression.type=gzip` is refused: this build has no gzip"));
    }

    #[test]
    fn a_client_id_may_be_empty_but_not_endless() {
        assert_eq!(config(&[("client.id", "")]).client_id.as_deref(), Some(""));
        assert_eq!(
            config(&[("client.id", "é")]).client_id.as_deref(),
            Some("é")
        );
        let long = "x".repeat(32_768);
        let message = error(&[("client.id", &long)]);
        assert!(message.contains("longer than the 32767 bytes"), "{message}");
        assert!(message.len() < 300, "{message}");
    }
}

mod rules {
    use super::*;

    #[test]
    fn retries_0_and_idempotence() {
        assert_eq!(
            error(&[("retries", "0"), ("enable.idempotence", "true")]),
            "Must set retries to non-zero when using the idempotent producer. Remove `retries=0`, or set `enable.idempotence=false`."
        );
        assert!(!config(&[("retries", "0")]).enable_idempotence);
        assert_eq!(
            warnings(&[("retries", "0")]),
            [
                "`retries=0` turns idempotence off: what fails once is not sent again. Remove `retries=0` to keep it, or set `enable.idempotence=false` to say that this is meant."
            ]
        );
        assert_eq!(
            warnings(&[("retries", "0"), ("enable.idempotence", "false")]),
            [""; 0]
        );
        assert_eq!(
            warnings(&[("retries", "0"), ("acks", "0")]),
            [
                "`retries=0` and `acks=0` turn idempotence off: what fails once is not sent again. Remove them to keep it, or set `enable.idempotence=false` to say that this is meant."
            ]
        );
    }

    #[test]
    fn acks_and_idempotence() {
        assert_eq!(
            error(&[("acks", "1"), ("enable.idempotence", "true")]),
            "Must set acks to all in order to use the idempotent producer. Otherwise we cannot guarantee idempotence. Remove `acks=1`, or set `enable.idempotence=false`."
        );
        assert!(!config(&[("acks", "0")]).enable_idempotence);
        assert_eq!(
            warnings(&[("request.required.acks", "1")]),
            [
                "`request.required.acks=1` turns idempotence off: retries may duplicate or reorder records. Remove `request.required.acks=1` to keep it, or set `enable.idempotence=false` to say that this is meant."
            ]
        );
        assert_eq!(
            warnings(&[("acks", "1"), ("max.in.flight", "1")]),
            [
                "`acks=1` turns idempotence off: retries may duplicate records. Remove `acks=1` to keep it, or set `enable.idempotence=false` to say that this is meant."
            ]
        );
        assert_eq!(
            warnings(&[("acks", "1"), ("enable.idempotence", "false")]),
            [""; 0]
        );
    }

    #[test]
    fn more_than_five_in_flight_and_idempotence() {
        let too_many = "To use the idempotent producer, max.in.flight.requests.per.connection must be set to at most 5. Current value is 6. Lower it, or set `enable.idempotence=false`.";
        assert_eq!(error(&[("max.in.flight", "6")]), too_many);
        // Even where acks would have turned idempotence off.
        assert_eq!(error(&[("max.in.flight", "6"), ("acks", "1")]), too_many);
        let config = config(&[("max.in.flight", "6"), ("enable.idempotence", "false")]);
        assert_eq!(config.max_in_flight, 6);
    }

    #[test]
    fn transactional_id_without_idempotence() {
        let message = error(&[("transactional.id", "t"), ("enable.idempotence", "false")]);
        assert!(
            message.contains("\nCannot set a transactional.id without also enabling idempotence."),
            "{message}"
        );
    }

    #[test]
    fn delivery_timeout_covers_linger_and_request() {
        assert_eq!(
            error(&[("delivery.timeout.ms", "30004")]),
            "delivery.timeout.ms should be equal to or larger than linger.ms + request.timeout.ms: 30004 is less than 5 + 30000. Raise `delivery.timeout.ms` to at least 30005, or lower the other two."
        );
        config(&[("delivery.timeout.ms", "30005")]);
        let raised = [("request.timeout.ms", "200000")];
        assert_eq!(
            config(&raised).delivery_timeout,
            Duration::from_millis(200_005)
        );
        assert_eq!(
            warnings(&raised),
            [
                "delivery.timeout.ms should be equal to or larger than linger.ms + request.timeout.ms. Setting it to 200005."
            ]
        );
        let endless = config(&[("linger.ms", "9223372036854775807")]);
        assert_eq!(
            endless.delivery_timeout,
            Duration::from_millis(i32::MAX as u64)
        );
    }

    #[test]
    fn reconnect_backoff_alone_stays_the_same() {
        let alone = config(&[("reconnect.backoff.ms", "70")]);
        let ms = Duration::from_millis;
        assert_eq!(
            (alone.reconnect_backoff, alone.reconnect_backoff_max),
            (ms(70), ms(70))
        );
        assert_eq!(
            alone.warnings[0].to_string(),
            "Disabling exponential reconnect backoff because reconnect.backoff.ms is set, but reconnect.backoff.max.ms is not."
        );
        let both = config(&[
            ("reconnect.backoff.ms", "70"),
            ("reconnect.backoff.max.ms", "90"),
        ]);
        assert_eq!(
            (both.reconnect_backoff, both.reconnect_backoff_max),
            (ms(70), ms(90))
        );
        assert_eq!(both.warnings, []);
    }

    #[test]
    fn a_base_above_its_maximum_gives_the_maximum() {
        let ms = Duration::from_millis;
        let retry = config(&[("retry.backoff.ms", "2000")]);
        assert_eq!(
            (retry.retry_backoff, retry.retry_backoff_max),
            (ms(1000), ms(1000))
        );
        assert_eq!(
            retry.warnings[0].to_string(),
            "Configuration 'retry.backoff.ms' with value '2000' is greater than configuration 'retry.backoff.max.ms' with value '1000'. A static backoff with value '1000' will be applied."
        );
        let setup = config(&[("socket.connection.setup.timeout.ms", "31000")]);
        assert_eq!(setup.connection_setup_timeout, ms(30_000));
        assert!(
            setup.warnings[0]
                .message()
                .contains("A static connection setup timeout with value '30000'")
        );
        let reconnect = config(&[("reconnect.backoff.max.ms", "10")]);
        assert_eq!(
            (reconnect.reconnect_backoff, reconnect.reconnect_backoff_max),
            (ms(10), ms(10))
        );
    }

    #[test]
    fn sasl_needs_a_mechanism_and_rack_awareness_a_rack() {
        let sasl = error(&[("security.protocol", "SASL_SSL"), ("sasl.mechanism", "")]);
        assert!(sasl.contains("\nWhen the security.protocol configuration enables SASL, mechanism must be non-null and non-empty string."), "{sasl}");
        assert_eq!(
            error(&[("partitioner.rack.aware", "true"), ("client.rack", " ")]),
            "`partitioner.rack.aware=true` needs to know the client's rack. Set `client.rack`, or remove `partitioner.rack.aware`."
        );
    }

    #[test]
    fn partitioners_by_the_names_of_other_clients() {
        let class = |name: &str| format!("org.apache.kafka.clients.producer.{name}");
        for (value, name) in [
            ("consistent_random", "ConsistentRandom"),
            ("sarama", "Sarama"),
            ("round_robin", "RoundRobin"),
            (&class("RoundRobinPartitioner"), "RoundRobin"),
            (&class("internals.DefaultPartitioner"), "BuiltIn"),
            ("", "BuiltIn"),
        ] {
            for key in ["partitioner.class", "partitioner"] {
                let config = config(&[(key, value)]);
                assert_eq!(format!("{:?}", config.partitioner), name, "{value}");
                assert_eq!(config.adaptive_partitioning, name == "BuiltIn");
                assert_eq!(config.warnings, []);
            }
        }
        let uniform = config(&[("partitioner.class", &class("UniformStickyPartitioner"))]);
        assert!(uniform.ignore_keys && uniform.adaptive_partitioning);
        let refused = error(&[("partitioner.class", "com.example.MyPartitioner")]);
        assert!(refused.starts_with("`partitioner.class=com.example.MyPartitioner` is refused: no partitioner has the name \"com.example.MyPartitioner\"; there are random, consistent,"), "{refused}");
        assert!(
            refused.ends_with("or write your own and give it to `Builder::partitioner`."),
            "{refused}"
        );
    }

    #[test]
    fn a_partitioner_of_choice_turns_the_others_off() {
        let all = [
            ("partitioner", "fnv1a"),
            ("partitioner.ignore.keys", "true"),
            ("partitioner.adaptive.partitioning.enable", "true"),
            ("partitioner.availability.timeout.ms", "7"),
            ("partitioner.rack.aware", "true"),
            ("client.rack", "a"),
        ];
        let is_off = |config: &Config| {
            !config.ignore_keys
                && !config.adaptive_partitioning
                && config.partition_availability_timeout.is_none()
                && !config.rack_aware
        };
        assert!(is_off(&config(&all)));
        assert_eq!(
            warnings(&all),
            [
                "`partitioner.ignore.keys=true`, `partitioner.adaptive.partitioning.enable=true`, `partitioner.availability.timeout.ms=7`, `partitioner.rack.aware=true` have no effect: `partitioner=fnv1a` is set."
            ]
        );
        let mut custom = config(&all[1..]);
        custom.use_partitioner(Arc::new(|_: &crate::Unpartitioned<'_>| 0));
        assert!(is_off(&custom) && format!("{:?}", custom.partitioner) == "Custom");
    }

    #[test]
    fn the_availability_timeout_needs_adaptive_partitioning() {
        let timeout = ("partitioner.availability.timeout.ms", "7");
        let on = config(&[timeout]);
        assert_eq!(
            on.partition_availability_timeout,
            Some(Duration::from_millis(7))
        );
        let off = [
            timeout,
            ("partitioner.adaptive.partitioning.enable", "false"),
        ];
        assert_eq!(config(&off).partition_availability_timeout, None);
        assert_eq!(
            warnings(&off),
            [
                "`partitioner.availability.timeout.ms=7` has no effect: `partitioner.adaptive.partitioning.enable=false` is set."
            ]
        );
    }

    #[test]
    fn serializers() {
        let class = |name: &str| format!("org.apache.kafka.common.serialization.{name}");
        for name in [
            "StringSerializer",
            "ByteArraySerializer",
            "BytesSerializer",
            "ByteBufferSerializer",
        ] {
            assert_eq!(warnings(&[("key.serializer", &class(name))]), [""; 0]);
        }
        assert_eq!(
            warnings(&[("value.serializer", &class("LongSerializer"))]),
            [
                "`value.serializer=org.apache.kafka.common.serialization.LongSerializer` has no effect: only the command `raban produce` obeys it, in an application a typed topic handle serializes."
            ]
        );
        assert_eq!(
            error(&[(
                "value.serializer",
                "io.confluent.kafka.serializers.KafkaAvroSerializer"
            )]),
            "`value.serializer=io.confluent.kafka.serializers.KafkaAvroSerializer` is refused: raban loads no Java classes, only Kafka's own serializers are known by name. Remove the setting, and serialize in the application or with a typed topic handle."
        );
    }
}

mod words {
    use super::*;

    #[test]
    fn nothing_is_set() {
        assert_eq!(
            Config::from_settings(&Settings::new())
                .unwrap_err()
                .to_string(),
            "`bootstrap.servers` is not set. Name at least one broker as host:port, as in `localhost:9092`, or use `embedded:` for a broker inside this process."
        );
    }

    #[test]
    fn single_settings() {
        for (key, value, message) in [
            (
                "linger.ms",
                "5ms",
                "`linger.ms=5ms` is invalid: not a whole number. Valid: 0 or more, in milliseconds. Default: 5.",
            ),
            (
                "queue.buffering.max.ms",
                "0.5",
                "`queue.buffering.max.ms=0.5` is invalid: not a whole number. Valid: 0 or more, in milliseconds. Default: 5.",
            ),
            (
                "batch.size",
                "-1",
                "`batch.size=-1` is invalid: too small. Valid: 0 or more, in bytes. Default: 16384.",
            ),
            (
                "retries",
                "99999999999999999999",
                "`retries=99999999999999999999` is invalid: too large. Valid: 0 to 2147483647. Default: 2147483647.",
            ),
            (
                "acks",
                "2",
                "`acks=2` is invalid: not one of the valid values. Valid: all, -1, 0, 1. Default: all.",
            ),
            (
                "compression.type",
                "brotli",
                "`compression.type=brotli` is invalid: not one of the valid values. Valid: none, gzip, snappy, lz4, zstd. Default: none.",
            ),
            (
                "enable.idempotence",
                "yes",
                "`enable.idempotence=yes` is invalid: neither true nor false. Valid: true or false. Default: true.",
            ),
            (
                "compression.gzip.level",
                "10",
                "`compression.gzip.level=10` is invalid: too large. Valid: 1 to 9, or -1. Default: -1.",
            ),
            (
                "security.protocol",
                "TLS",
                "`security.protocol=TLS` is invalid: not one of the valid values. Valid: PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL (in upper or lower case). Default: PLAINTEXT.",
            ),
            (
                "security.protocol",
                "sasl_ssl",
                "`security.protocol=sasl_ssl` is refused: raban has neither TLS nor SASL yet. Use a listener of the brokers that speaks PLAINTEXT, and set security.protocol=PLAINTEXT.",
            ),
            (
                "transactional.id",
                "pay",
                "`transactional.id=pay` is refused: raban has no transactions yet, and records would be visible at once. Remove the setting; idempotence, on by default, keeps retries from duplicating records within this producer's life.",
            ),
            (
                "linger_ms",
                "5",
                "`linger_ms` is not a setting: did you mean `linger.ms`?",
            ),
            (
                "bootstrap.servers",
                "localhost",
                "`bootstrap.servers=localhost` is invalid: there is no port in `localhost`. Write host:port; for Kafka's usual port that is `localhost:9092`.",
            ),
            ("client.id", "a\u{1b}[2J", ""),
        ] {
            match check(&[(key, value)]) {
                Ok(_) => assert_eq!(message, "", "{key}={value}"),
                Err(error) => assert_eq!(error.to_string(), message),
            }
        }
    }

    #[test]
    fn all_problems_come_together_with_their_lines() {
        let text = "# a comment\nlinger.ms=x\nlingr.ms=5\n\nacks=1\nenable.idempotence=true\nssl.key.password=hunter2\n";
        let mut settings = Settings::from_properties_file("client.properties", text).unwrap();
        settings.set("group.id", "g");
        assert_eq!(
            Config::from_settings(&settings).unwrap_err().to_string(),
            "client.properties:2: `linger.ms=x` is invalid: not a whole number. Valid: 0 or more, in milliseconds. Default: 5.\n\
             client.properties:3: `lingr.ms` is not a setting: did you mean `linger.ms`?\n\
             `group.id` is a setting of consumers, which a producer has no use for: remove it.\n\
             `bootstrap.servers` is not set. Name at least one broker as host:port, as in `localhost:9092`, or use `embedded:` for a broker inside this process.\n\
             client.properties:5: Must set acks to all in order to use the idempotent producer. Otherwise we cannot guarantee idempotence. Remove `acks=1`, or set `enable.idempotence=false`."
        );
    }

    #[test]
    fn unknown_settings_pass_when_allowed() {
        let mut settings: Settings = [SERVERS, ("lingr.ms", "7"), ("group.id", "g")]
            .into_iter()
            .collect();
        settings.allow_unknown(true);
        let config = Config::from_settings(&settings).unwrap();
        assert_eq!(config.linger, Duration::from_millis(5));
        let words: Vec<_> = config
            .warnings
            .iter()
            .map(ConfigWarning::to_string)
            .collect();
        assert_eq!(
            words,
            [
                "`lingr.ms` has no effect, it is not a setting: did you mean `linger.ms`?",
                "`group.id` has no effect, it is a setting of consumers, which a producer has no use for: remove it.",
            ]
        );
    }

    #[test]
    fn settings_without_effect_are_named_together() {
        assert_eq!(
            warnings(&[
                ("ssl.truststore.location", "/etc/trust.jks"),
                ("ssl.truststore.password", "hunter2"),
                ("metrics.recording.level", "DEBUG"),
                ("metrics.context.team", "a"),
            ]),
            [
                "`ssl.truststore.location`, `ssl.truststore.password` have no effect: only TLS reads such settings, and security.protocol is PLAINTEXT: connections are not encrypted.",
                "`metrics.recording.level` has no effect: all metrics of the producer are of level INFO, in the Java client too, so that no level adds any.",
                "`metrics.context.team` has no effect: such settings describe the client to Java's metrics reporters, and there are none here.",
            ]
        );
    }

    #[test]
    fn passwords_are_shown_nowhere() {
        for setting in SETTINGS.iter().filter(|setting| setting.is_secret()) {
            let text = format!("{}=hunter2\nacks=7\nsasl.password=hunter2\n", setting.name);
            let settings = Settings::from_properties_text(&text).unwrap();
            let error = Config::from_settings(&settings).unwrap_err();
            let shown = format!("{settings:?} {error:?} {error}");
            assert!(!shown.contains("hunter2"), "{shown}");
            let config = config(&[(setting.name, "hunter2")]);
            assert!(!format!("{config:?}").contains("hunter2"));
        }
    }

    #[test]
    fn long_and_odd_values_are_shown_short_and_escaped() {
        let message = error(&[("acks", &format!("\u{1b}{}", "x".repeat(1000)))]);
        assert!(message.starts_with("`acks=\\u{1b}xxx"), "{message}");
        assert!(message.contains("x…` is invalid"), "{message}");
        assert!(message.len() < 300, "{message}");
    }
}
