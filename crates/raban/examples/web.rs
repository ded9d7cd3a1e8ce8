//! A web service that sends what is posted to it, and serves its metrics: `cargo run --example web [HOST:PORT]`.
//!
//! `curl -d 'a body' localhost:8080/topics/hello` sends a record; Prometheus reads `localhost:8080/metrics`. Without an address
//! a broker in this process takes the records.

use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use raban::{ErrorKind, Producer, Record};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let servers = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "embedded:".to_owned());
    let producer = Producer::new(servers)?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
    println!("http://{}", listener.local_addr()?);
    axum::serve(listener, service(producer.clone()))
        .with_graceful_shutdown(async {
            // Without it the service runs until it is killed.
            let _ = tokio::signal::ctrl_c().await;
        })
        .await?;
    // What was accepted is delivered before the process ends.
    producer.close(Duration::from_secs(10)).await?;
    Ok(())
}

/// A producer is cheap to clone: each request has one.
fn service(producer: Producer) -> Router {
    Router::new()
        .route("/topics/{topic}", post(send))
        .route("/metrics", get(metrics))
        .with_state(producer)
}

async fn send(
    State(producer): State<Producer>,
    Path(topic): Path<String>,
    body: String,
) -> (StatusCode, String) {
    match producer.send(Record::to(topic).value(body)).await {
        Ok(at) => (
            StatusCode::CREATED,
            format!("partition {}, offset {:?}\n", at.partition(), at.offset()),
        ),
        Err(error) => (status(error.kind()), format!("{error}\n")),
    }
}

/// Whether the client is to blame, or to try again.
fn status(kind: &ErrorKind) -> StatusCode {
    match kind {
        ErrorKind::RecordTooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        ErrorKind::InvalidTopic { .. } => StatusCode::BAD_REQUEST,
        ErrorKind::MemoryTimeout { .. } => StatusCode::TOO_MANY_REQUESTS,
        _ => StatusCode::BAD_GATEWAY,
    }
}

async fn metrics(State(producer): State<Producer>) -> String {
    producer.metrics().to_prometheus()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::Request;
    use tower::ServiceExt;

    use super::*;

    #[tokio::test]
    async fn what_is_posted_is_sent() {
        let service = service(Producer::new("embedded:").expect("a broker in this process"));
        let posted = |topic: &str| {
            let request = Request::post(format!("/topics/{topic}")).body(Body::from("a body"));
            service.clone().oneshot(request.expect("it is one"))
        };
        let answer = posted("hello").await.expect("it can't fail");
        assert_eq!(answer.status(), StatusCode::CREATED);
        let answer = posted("..").await.expect("it can't fail");
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    }
}
