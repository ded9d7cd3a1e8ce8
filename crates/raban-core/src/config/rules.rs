//! The rules between settings, those of the Java client, with its own words and a remedy.

use std::time::Duration;

use raban_protocol::compression::{Codec, Compression};

use super::bootstrap::Bootstrap;
use super::check::Checked;
use super::error::ConfigProblemKind::{Conflict, Invalid};

const IN_FLIGHT: &str = "max.in.flight.requests.per.connection";

/// How many requests may be in flight with idempotence: brokers remember the last five batches of a producer.
const MAX_IN_FLIGHT_WITH_IDEMPOTENCE: i64 = 5;

/// The longest client id that a request's header can carry, in bytes.
const MAX_CLIENT_ID: usize = i16::MAX as usize;

/// Kafka's serializers whose Java input is bytes or text already.
const PASSING_SERIALIZERS: [&str; 4] = [
    "ByteArraySerializer",
    "StringSerializer",
    "BytesSerializer",
    "ByteBufferSerializer",
];

/// Kafka's serializers that turn other Java types into bytes.
const TYPED_SERIALIZERS: [&str; 9] = [
    "BooleanSerializer",
    "DoubleSerializer",
    "FloatSerializer",
    "IntegerSerializer",
    "ListSerializer",
    "LongSerializer",
    "ShortSerializer",
    "UUIDSerializer",
    "VoidSerializer",
];

/// A first wait and the longest one.
pub(super) struct Backoff {
    pub(super) first: Duration,
    pub(super) max: Duration,
}

/// Whether the producer is idempotent: explicit wishes must agree with each other, and without one the other settings
/// decide.
pub(super) fn idempotence(checked: &mut Checked<'_>) -> bool {
    let wanted = checked.boolean("enable.idempotence");
    let explicit = checked.is_set("enable.idempotence");
    let mut forbidding = Vec::new();
    if wanted {
        if checked.number("retries") == 0 {
            forbidding.push((
                "retries",
                "Must set retries to non-zero when using the idempotent producer.",
            ));
        }
        if !matches!(checked.text("acks").as_str(), "all" | "-1") {
            forbidding.push((
                "acks",
                "Must set acks to all in order to use the idempotent producer. Otherwise we cannot guarantee \
                 idempotence.",
            ));
        }
        if explicit {
            for (name, java) in &forbidding {
                let assignment = checked.assignment(name);
                let message =
                    format!("{java} Remove {assignment}, or set `enable.idempotence=false`.");
                checked.problem(Conflict, name, message);
            }
        } else {
            idempotence_off(checked, &forbidding);
        }
        let in_flight = checked.number(IN_FLIGHT);
        if in_flight > MAX_IN_FLIGHT_WITH_IDEMPOTENCE {
            checked.problem(
                Conflict,
                IN_FLIGHT,
                format!(
                    "To use the idempotent producer, {IN_FLIGHT} must be set to at most 5. Current value is \
                     {in_flight}. Lower it, or set `enable.idempotence=false`."
                ),
            );
        }
    }
    let enabled = wanted && forbidding.is_empty();
    if !enabled && checked.is_set("transactional.id") {
        checked.problem(
            Conflict,
            "transactional.id",
            "Cannot set a transactional.id without also enabling idempotence. Remove it, or let `enable.idempotence`, \
             `acks` and `retries` have their defaults.",
        );
    }
    enabled
}

/// Settings forbid idempotence that nobody asked for: it goes, said aloud.
fn idempotence_off(checked: &mut Checked<'_>, forbidding: &[(&'static str, &str)]) {
    let mut names: Vec<_> = forbidding.iter().map(|(name, _)| *name).collect();
    let assignments: Vec<_> = names.iter().map(|name| checked.assignment(name)).collect();
    let (verb, what) = match &assignments[..] {
        [] => return,
        [one] => ("turns", one.as_str()),
        _ => ("turn", "them"),
    };
    let consequence = if names.contains(&"retries") {
        "what fails once is not sent again"
    } else if checked.number(IN_FLIGHT) == 1 {
        "retries may duplicate records"
    } else {
        "retries may duplicate or reorder records"
    };
    let message = format!(
        "{} {verb} idempotence off: {consequence}. Remove {what} to keep it, or set `enable.idempotence=false` to say \
         that this is meant.",
        assignments.join(" and ")
    );
    names.push("enable.idempotence");
    checked.warning(&names, message);
}

/// How long an open batch waits; the Java client counts no more than an `int` of milliseconds.
pub(super) fn linger(checked: &Checked<'_>) -> Duration {
    checked
        .duration("linger.ms")
        .min(Duration::from_millis(i32::MAX as u64))
}

/// The time for a delivery leaves room for one linger and one request.
pub(super) fn delivery_timeout(checked: &mut Checked<'_>) -> Duration {
    let max = Duration::from_millis(i32::MAX as u64);
    let delivery = checked.duration("delivery.timeout.ms");
    let linger = linger(checked);
    let request = checked.duration("request.timeout.ms");
    let least = (linger + request).min(max);
    if delivery >= least {
        return delivery;
    }
    if checked.is_set("delivery.timeout.ms") {
        let message = format!(
            "delivery.timeout.ms should be equal to or larger than linger.ms + request.timeout.ms: {} is less than {} + \
             {}. Raise `delivery.timeout.ms` to at least {}, or lower the other two.",
            delivery.as_millis(),
            linger.as_millis(),
            request.as_millis(),
            least.as_millis()
        );
        checked.problem(Conflict, "delivery.timeout.ms", message);
    } else {
        let message = format!(
            "delivery.timeout.ms should be equal to or larger than linger.ms + request.timeout.ms. Setting it to {}.",
            least.as_millis()
        );
        checked.warning(&["delivery.timeout.ms"], message);
    }
    least
}

/// The waits before connecting again; alone, the first one disables the doubling.
pub(super) fn reconnect_backoff(checked: &mut Checked<'_>) -> Backoff {
    const FIRST: &str = "reconnect.backoff.ms";
    const MAX: &str = "reconnect.backoff.max.ms";
    if checked.is_set(FIRST) && !checked.is_set(MAX) {
        checked.warning(
            &[FIRST],
            format!(
                "Disabling exponential reconnect backoff because {FIRST} is set, but {MAX} is not."
            ),
        );
        let first = checked.duration(FIRST);
        return Backoff { first, max: first };
    }
    growing(checked, FIRST, MAX, "backoff")
}

/// The waits before sending a request again.
pub(super) fn retry_backoff(checked: &mut Checked<'_>) -> Backoff {
    growing(
        checked,
        "retry.backoff.ms",
        "retry.backoff.max.ms",
        "backoff",
    )
}

/// The times that the setup of a connection may take.
pub(super) fn connection_setup_timeout(checked: &mut Checked<'_>) -> Backoff {
    growing(
        checked,
        "socket.connection.setup.timeout.ms",
        "socket.connection.setup.timeout.max.ms",
        "connection setup timeout",
    )
}

/// A duration that doubles up to another; one that starts above it stays at it.
fn growing(
    checked: &mut Checked<'_>,
    first_name: &'static str,
    max_name: &'static str,
    what: &str,
) -> Backoff {
    let first = checked.duration(first_name);
    let max = checked.duration(max_name);
    if first > max {
        let max_ms = max.as_millis();
        checked.warning(
            &[first_name, max_name],
            format!(
                "Configuration '{first_name}' with value '{}' is greater than configuration '{max_name}' with value \
                 '{max_ms}'. A static {what} with value '{max_ms}' will be applied.",
                first.as_millis()
            ),
        );
    }
    Backoff {
        first: first.min(max),
        max,
    }
}

/// What SASL and rack awareness need besides themselves.
pub(super) fn companions(checked: &mut Checked<'_>) {
    let protocol = checked.text("security.protocol").to_ascii_uppercase();
    if protocol.starts_with("SASL") && checked.text("sasl.mechanism").is_empty() {
        checked.problem(
            Conflict,
            "sasl.mechanism",
            "When the security.protocol configuration enables SASL, mechanism must be non-null and non-empty string. Set \
             `sasl.mechanism`.",
        );
    }
    if checked.boolean("partitioner.rack.aware") && checked.text("client.rack").is_empty() {
        checked.problem(
            Conflict,
            "partitioner.rack.aware",
            "`partitioner.rack.aware=true` needs to know the client's rack. Set `client.rack`, or remove \
             `partitioner.rack.aware`.",
        );
    }
}

/// Kafka's serializers pass, with a word about those that only a typed handle replaces.
pub(super) fn serializer(checked: &mut Checked<'_>, name: &'static str) {
    const PACKAGE: &str = "org.apache.kafka.common.serialization.";
    let class = checked.text(name);
    let short = class.strip_prefix(PACKAGE).unwrap_or(&class);
    if PASSING_SERIALIZERS.contains(&short) {
        return;
    }
    if TYPED_SERIALIZERS.contains(&short) {
        let message = format!(
            "{} has no effect: only the command `raban produce` obeys it, in an application a typed topic handle \
             serializes.",
            checked.assignment(name)
        );
        checked.warning(&[name], message);
        return;
    }
    checked.refused(
        name,
        "raban loads no Java classes, only Kafka's own serializers are known by name. Remove the setting, and serialize \
         in the application or with a typed topic handle",
    );
}

/// The name for brokers' logs; `None` when none was given, which is not the same as an empty one.
pub(super) fn client_id(checked: &mut Checked<'_>) -> Option<String> {
    if !checked.is_set("client.id") {
        return None;
    }
    let id = checked.text("client.id");
    if id.len() > MAX_CLIENT_ID {
        checked.invalid(
            "client.id",
            "longer than the 32767 bytes that a request can carry",
        );
    }
    Some(id)
}

/// Where the first brokers are; `None` when the setting is missing or wrong.
pub(super) fn bootstrap(checked: &mut Checked<'_>) -> Option<Bootstrap> {
    const NAME: &str = "bootstrap.servers";
    if !checked.is_set(NAME) {
        return None;
    }
    match Bootstrap::parse(&checked.text(NAME)) {
        Ok(bootstrap) => Some(bootstrap),
        Err(problems) => {
            for problem in problems {
                let message = format!("{} is invalid: {problem}", checked.assignment(NAME));
                checked.problem(Invalid, NAME, message);
            }
            None
        }
    }
}

/// How batches are compressed; `None` when the build cannot do it.
pub(super) fn codec(checked: &mut Checked<'_>) -> Option<Codec> {
    const TYPE: &str = "compression.type";
    let (compression, level_name) = match checked.text(TYPE).as_str() {
        "gzip" => (Compression::Gzip, Some("compression.gzip.level")),
        "snappy" => (Compression::Snappy, None),
        "lz4" => (Compression::Lz4, Some("compression.lz4.level")),
        "zstd" => (Compression::Zstd, Some("compression.zstd.level")),
        _ => (Compression::None, None),
    };
    let level_name = level_name.filter(|name| checked.is_set(name));
    let level = level_name.and_then(|name| i32::try_from(checked.number(name)).ok());
    match Codec::new(compression, level) {
        Ok(codec) => Some(codec),
        Err(error) => {
            let reason = error.to_string();
            checked.refused(level_name.unwrap_or(TYPE), reason.trim_end_matches('.'));
            None
        }
    }
}
