//! Settings of batches, memory and compression.

use crate::config::setting::Importance::{High, Medium};
use crate::config::setting::SettingType::{Int, Long, String};
use crate::config::setting::{Setting, Treatment, Valid};

pub(super) const ROWS: &[Setting] = &[
    Setting::new("linger.ms", Long, Some("5"), Medium)
        .valid(Valid::AtLeast(0))
        .aliases(&["queue.buffering.max.ms"])
        .doc(
            "How long in milliseconds an open batch waits for more records. It goes earlier when it is full, when a \
             sender waits for memory, and on flush and close; up to 1 ms later where each broker has two requests to \
             answer. 0 sends as soon as a request may go.",
        ),
    Setting::new("batch.size", Int, Some("16384"), Medium)
        .valid(Valid::AtLeast(0))
        .doc(
            "The size in bytes at which a batch of one partition is full. A larger record gets a batch of its own; 0 \
             gives every record its own. Records without a key move on to another partition after that many bytes.",
        ),
    Setting::new("buffer.memory", Long, Some("33554432"), High)
        .valid(Valid::AtLeast(0))
        .doc(
            "How many bytes of records may wait to be sent or acknowledged. Further records wait for up to \
             max.block.ms, in order. A hard bound.",
        ),
    Setting::new(
        "buffer.memory.allocation.strategy",
        String,
        Some("full"),
        Medium,
    )
    .valid(Valid::OneOfAnyCase(&["FULL", "INCREMENTAL"]))
    .treatment(Treatment::Accepted(
        "raban allocates as records arrive, as `incremental` asks for, and batch.size at once only where the partition's \
         batch before was full; it waits for memory no sooner than with `full`",
    ))
    .already_so(&["incremental"])
    .doc(
        "Whether a batch takes batch.size of buffer.memory when it opens (full, the Java client's default), so that \
         memory goes by the number of partitions in use, or memory as it fills (incremental).",
    ),
    Setting::new("max.request.size", Int, Some("1048576"), Medium)
        .valid(Valid::AtLeast(0))
        .aliases(&["message.max.bytes"])
        .doc(
            "The largest request in bytes, and the largest record before compression: one above it fails alone. \
             Brokers have a limit of their own (message.max.bytes, max.message.bytes of the topic).",
        ),
    Setting::new("compression.type", String, Some("none"), High)
        .valid(Valid::OneOf(&["none", "gzip", "snappy", "lz4", "zstd"]))
        .aliases(&["compression.codec"])
        .doc("How batches are compressed. Larger batches compress better."),
    Setting::new("compression.gzip.level", Int, Some("-1"), Medium)
        .valid(Valid::BetweenOr(1, 9, -1))
        .doc(
            "The level of gzip, as zlib-rs has them: 1 is fastest, 9 smallest. -1 is 3, made for speed; 6 comes to what the \
             Java client's default makes, up to a tenth less, in twice the time.",
        ),
    Setting::new("compression.lz4.level", Int, Some("9"), Medium)
        .valid(Valid::Between(1, 17))
        .doc(
            "The level of lz4. 9, the default, means the fast compressor in the Java client; other levels mean its \
             high-compression one, and are refused where the build has none.",
        ),
    Setting::new("compression.zstd.level", Int, Some("3"), Medium)
        .valid(Valid::Between(-131_072, 22))
        .doc("The level of zstd: lower is faster, higher smaller. Levels that the build cannot do are refused."),
];
