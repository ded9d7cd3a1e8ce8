//! The Python part: its programs, and how many records each sends.

use crate::program::{Kind, Program, Source};

/// Python's programs, in the order of the tables.
pub(crate) const PROGRAMS: [Program; 12] = [
    Program {
        name: "python-raban",
        kind: Kind::Own,
        source: python("load_raban.py", "raban"),
        variant: "",
        note: "raban.KafkaProducer.send; two callbacks per record; idempotent",
    },
    Program {
        name: "python-raban-future",
        kind: Kind::Own,
        source: python("load_raban.py", "raban"),
        variant: "future",
        note: "each future waited for; otherwise as python-raban",
    },
    Program {
        name: "python-raban-many",
        kind: Kind::Own,
        source: python("load_raban.py", "raban"),
        variant: "many",
        note: "send_many with 100,000 values a call, whose report counts the deliveries; otherwise as python-raban",
    },
    Program {
        name: "python-raban-aio",
        kind: Kind::Own,
        source: python("load_raban_aio.py", "raban"),
        variant: "",
        note: "raban.aio.AIOKafkaProducer.send awaited, and each future; idempotent and on uvloop only in best",
    },
    Program {
        name: "python-raban-aio-many",
        kind: Kind::Own,
        source: python("load_raban_aio.py", "raban"),
        variant: "many",
        note: "send_many with 100,000 values a call, whose report counts the deliveries; otherwise as python-raban-aio",
    },
    Program {
        name: "python-raban-aio-batch",
        kind: Kind::Own,
        source: python("load_raban_aio.py", "raban"),
        variant: "batch",
        note: "create_batch, append and send_batch; each batch's future awaited; otherwise as python-raban-aio",
    },
    Program {
        name: "python-confluent",
        kind: Kind::Peer,
        source: python("load_confluent.py", "confluent-kafka"),
        variant: "",
        note: "librdkafka; produce, then poll(0); a callback per record; idempotent only in best",
    },
    Program {
        name: "python-confluent-batch",
        kind: Kind::Peer,
        source: python("load_confluent.py", "confluent-kafka"),
        variant: "batch",
        note: "produce_batch with 100,000 records a call; a callback per record; otherwise as python-confluent",
    },
    Program {
        name: "python-kafka",
        kind: Kind::Peer,
        source: python("load_kafka_python.py", "kafka-python"),
        variant: "",
        note: "with crc32c in C; two callbacks per record; idempotent; no bound on memory; a tenth of the records",
    },
    Program {
        name: "python-kafka-future",
        kind: Kind::Peer,
        source: python("load_kafka_python.py", "kafka-python"),
        variant: "future",
        note: "each future waited for; otherwise as python-kafka",
    },
    Program {
        name: "python-aiokafka",
        kind: Kind::Peer,
        source: python("load_aiokafka.py", "aiokafka"),
        variant: "",
        note: "send awaited, and each future; acks=all, idempotent and on uvloop only in best; a third of the records",
    },
    Program {
        name: "python-aiokafka-batch",
        kind: Kind::Peer,
        source: python("load_aiokafka.py", "aiokafka"),
        variant: "batch",
        note: "create_batch, append and send_batch; each batch's future awaited; all of the records; otherwise as python-aiokafka",
    },
];

const fn python(script: &'static str, package: &'static str) -> Source {
    Source::Python { script, package }
}

/// By what a case's number of records is divided.
pub(crate) fn part(program: &Program) -> u64 {
    match program.name {
        "python-kafka" | "python-kafka-future" => 10,
        "python-aiokafka" => 3,
        _ => 1,
    }
}
