//! `raban topic`: create, list, describe and delete topics.

use std::fmt::{Display, Write};

use raban::{Admin, AdminError, BlockingAdmin, ErrorCode, NewTopic, TopicDescription};

use crate::args::{ClusterArgs, Topic};
use crate::cluster::{illegal_topic, not_started};
use crate::exit::{Exit, Failure};
use crate::output::{Stopped, print};
use crate::progress::tell;

pub(crate) fn run(args: &Topic) -> Result<Exit, Failure> {
    match args {
        Topic::Create {
            name,
            partitions,
            replication_factor,
            cluster,
        } => {
            let topic = NewTopic {
                partitions: *partitions,
                replication_factor: *replication_factor,
                ..NewTopic::default()
            };
            admin(cluster)?
                .create_topic(name.get(), topic)
                .map_err(failure)?;
            tell(&format!("created topic {}", name.get()));
            Ok(Exit::Done)
        }
        Topic::List { cluster } => {
            let topics = admin(cluster)?.list_topics().map_err(failure)?;
            output(
                &topics
                    .iter()
                    .map(|topic| format!("{}\n", topic.name))
                    .collect::<String>(),
            )
        }
        Topic::Describe { name, cluster } => {
            let topic = admin(cluster)?.describe(name.get()).map_err(failure)?;
            output(&described(&topic))
        }
        Topic::Delete { name, cluster } => {
            admin(cluster)?.delete_topic(name.get()).map_err(failure)?;
            tell(&format!("deleted topic {}", name.get()));
            Ok(Exit::Done)
        }
    }
}

fn admin(cluster: &ClusterArgs) -> Result<BlockingAdmin, Failure> {
    let settings = cluster.settings()?;
    Ok(Admin::from_settings(&settings)
        .map_err(not_started)?
        .blocking())
}

fn described(topic: &TopicDescription) -> String {
    let mut text = String::new();
    for partition in &topic.partitions {
        // Writing to a string doesn't fail.
        let _ = writeln!(
            text,
            "{}\t{}\t{}\t{}\t{}\t{}",
            partition.partition,
            or_dash(partition.leader),
            joined(&partition.replicas),
            joined(&partition.in_sync),
            or_dash(partition.start_offset),
            or_dash(partition.end_offset),
        );
    }
    text
}

fn or_dash(value: Option<impl Display>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

fn joined(ids: &[i32]) -> String {
    ids.iter().map(i32::to_string).collect::<Vec<_>>().join(",")
}

fn output(text: &str) -> Result<Exit, Failure> {
    match print(text).map_err(Stopped::into_failure) {
        Ok(()) | Err(None) => Ok(Exit::Done),
        Err(Some(failure)) => Err(failure),
    }
}

pub(crate) fn failure(error: AdminError) -> Failure {
    match &error {
        AdminError::Refused {
            topic,
            code: ErrorCode::INVALID_TOPIC_EXCEPTION,
            ..
        } => illegal_topic(topic),
        AdminError::Refused {
            topic,
            code: ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
            ..
        } => Failure::failed(format!(
            "there is no topic {topic}; `raban topic list` shows which there are"
        )),
        _ => Failure::failed(error.to_string()),
    }
}
