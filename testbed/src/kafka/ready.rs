//! Asks a node over its own protocol whether it serves, and how many nodes it knows.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

const API_VERSIONS: i16 = 18;
const METADATA: i16 = 3;
const METADATA_VERSION: i16 = 4;
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// Ok once the node accepts clients, answers ApiVersions, and its Metadata lists itself among at least `nodes` nodes.
/// The protocol is spoken on the direct listener only: clients' one may want TLS or SASL.
pub(super) fn probe(
    id: i32,
    client: SocketAddr,
    direct: SocketAddr,
    nodes: usize,
) -> Result<(), String> {
    TcpStream::connect_timeout(&client, ANSWER_TIMEOUT)
        .map_err(|error| format!("{client}: {error}"))?;
    let known = known_nodes(direct).map_err(|error| format!("{direct}: {error}"))?;
    match known.contains(&id) && known.len() >= nodes {
        true => Ok(()),
        false => Err(format!(
            "it knows nodes {known:?}, {nodes} are to be there, itself among them"
        )),
    }
}

fn known_nodes(address: SocketAddr) -> io::Result<Vec<i32>> {
    let mut stream = TcpStream::connect_timeout(&address, ANSWER_TIMEOUT)?;
    stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
    let versions = ask(&mut stream, API_VERSIONS, 0, &[])?;
    if i16_at(&versions, 4)? != 0 {
        return Err(io::Error::other(format!(
            "ApiVersions answered error {}",
            i16_at(&versions, 4)?
        )));
    }
    // No topics, and none to be created.
    let metadata = ask(&mut stream, METADATA, METADATA_VERSION, &[0, 0, 0, 0, 0])?;
    brokers(&metadata)
}

fn ask(stream: &mut TcpStream, api_key: i16, version: i16, body: &[u8]) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    content.extend(api_key.to_be_bytes());
    content.extend(version.to_be_bytes());
    content.extend(0i32.to_be_bytes());
    content.extend((-1i16).to_be_bytes());
    content.extend(body);
    let size = u32::try_from(content.len()).expect("a request of a few bytes");
    stream.write_all(&[&size.to_be_bytes()[..], &content].concat())?;
    let mut size = [0; 4];
    stream.read_exact(&mut size)?;
    let size = u64::from(u32::from_be_bytes(size));
    let mut answer = Vec::new();
    stream.take(size).read_to_end(&mut answer)?;
    if answer.len() as u64 == size {
        Ok(answer)
    } else {
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}

/// The node ids in a Metadata v4 response: correlation id, throttle time, then an array of id, host, port, rack.
fn brokers(answer: &[u8]) -> io::Result<Vec<i32>> {
    let count = i32_at(answer, 8)?;
    let mut at = 12;
    let mut ids = Vec::new();
    for _ in 0..count {
        ids.push(i32_at(answer, at)?);
        at = after_string(answer, at + 4)? + 4;
        at = after_string(answer, at)?;
    }
    Ok(ids)
}

fn after_string(bytes: &[u8], at: usize) -> io::Result<usize> {
    let len = usize::try_from(i16_at(bytes, at)?).unwrap_or(0);
    Ok(at + 2 + len)
}

fn i16_at(bytes: &[u8], at: usize) -> io::Result<i16> {
    let found = bytes
        .get(at..at + 2)
        .and_then(|bytes| bytes.try_into().ok());
    found
        .map(i16::from_be_bytes)
        .ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}

fn i32_at(bytes: &[u8], at: usize) -> io::Result<i32> {
    let found = bytes
        .get(at..at + 4)
        .and_then(|bytes| bytes.try_into().ok());
    found
        .map(i32::from_be_bytes)
        .ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}
