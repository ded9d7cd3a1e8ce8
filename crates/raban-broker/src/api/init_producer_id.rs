//! InitProducerId: a new id for each idempotent producer (KIP-98). There are no transactions.
use raban_protocol::error_code::ErrorCode;
use raban_protocol::messages::{InitProducerIdRequest, InitProducerIdResponse};

use crate::cluster::Cluster;
use crate::faults::Operation;

pub(super) fn handle(
    cluster: &mut Cluster,
    request: &InitProducerIdRequest,
) -> InitProducerIdResponse {
    let id = match &request.transactional_id {
        None if cluster.faults.is_denied(Operation::IdempotentWrite, "") => {
            let code = ErrorCode::CLUSTER_AUTHORIZATION_FAILED;
            Err((code, code.message().to_owned()))
        }
        None => cluster.topics.next_producer_id(),
        Some(id) => Err((
            ErrorCode::INVALID_REQUEST,
            format!("{id} asks for transactions"),
        )),
    };
    let (error_code, producer_id, producer_epoch) = match id {
        Ok(id) => (ErrorCode::NONE, id, 0),
        Err((code, message)) => {
            tracing::warn!(message, "refused a producer id");
            (code, -1, -1)
        }
    };
    InitProducerIdResponse {
        error_code,
        producer_id,
        producer_epoch,
        ..Default::default()
    }
}
