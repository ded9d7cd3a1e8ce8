//! What decoding allocates stays a small multiple of the bytes that came in.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use raban_protocol::api::Message;
use raban_protocol::frame::{FrameDecoder, decode_request_header};
use raban_protocol::messages::*;
use raban_protocol::primitives::{Reader, Writer};

/// The system's allocator, which counts per thread.
struct Counting;

thread_local! {
    static ALLOCATED: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: all calls go to the system's allocator as they are.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // A thread that is ending has no counter any more.
        let _ = ALLOCATED.try_with(|allocated| allocated.set(allocated.get() + layout.size()));
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Bytes allocated by this thread meanwhile, whether freed again or not.
fn allocated_by(work: impl FnOnce()) -> usize {
    let before = ALLOCATED.get();
    work();
    ALLOCATED.get() - before
}

/// An empty string of one byte becomes a `String` of 24; nothing grows more than that, but for the
/// odd allocation of a fixed size.
const FACTOR: usize = 32;
const SLACK: usize = 256;

fn check<M: Message>(content: &Bytes) {
    for version in M::VERSIONS.min..=M::VERSIONS.max {
        let mut r = Reader::new(content.clone());
        let allocated = allocated_by(|| drop(M::decode(version, &mut r)));
        let limit = FACTOR * content.len() + SLACK;
        let message = std::any::type_name::<M>();
        assert!(
            allocated <= limit,
            "{message} {version}: {allocated} bytes for {content:?}"
        );
    }
}

fn check_all(content: &Bytes) {
    check::<ApiVersionsRequest>(content);
    check::<ApiVersionsResponse>(content);
    check::<CreateTopicsRequest>(content);
    check::<CreateTopicsResponse>(content);
    check::<DeleteTopicsRequest>(content);
    check::<DeleteTopicsResponse>(content);
    check::<DescribeProducersRequest>(content);
    check::<DescribeProducersResponse>(content);
    check::<FetchRequest>(content);
    check::<FetchResponse>(content);
    check::<InitProducerIdRequest>(content);
    check::<InitProducerIdResponse>(content);
    check::<ListOffsetsRequest>(content);
    check::<ListOffsetsResponse>(content);
    check::<MetadataRequest>(content);
    check::<MetadataResponse>(content);
    check::<OffsetForLeaderEpochRequest>(content);
    check::<OffsetForLeaderEpochResponse>(content);
    check::<ProduceRequest>(content);
    check::<ProduceResponse>(content);
    check::<SaslAuthenticateRequest>(content);
    check::<SaslAuthenticateResponse>(content);
    check::<SaslHandshakeRequest>(content);
    check::<SaslHandshakeResponse>(content);
}

/// Bytes that get deep into a message: small ones, which are short lengths, and zeros.
fn near_messages() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![4 => Just(0_u8), 4 => 0..4_u8, 1 => 0..64_u8, 1 => any::<u8>()];
    prop::collection::vec(byte, 0..400)
}

/// A count with `rest` behind it, at several places.
fn bombs() -> Vec<Bytes> {
    let counts: [&[u8]; 5] = [
        &[0x7f, 0xff, 0xff, 0xff],
        &[0, 0, 0x40, 0],
        &[0xff, 0xff, 0xff, 0xff, 0x07],
        &[0x80, 0x80, 0x01],
        &[0xfe, 0x7f],
    ];
    let mut bombs = Vec::new();
    for count in counts {
        for before in 0..24 {
            for repeat in [1, 4, 2000] {
                for filler in [0, 1, 2] {
                    let mut bomb = vec![filler; before];
                    bomb.extend(count.repeat(repeat));
                    bomb.extend([filler; 40]);
                    bombs.push(bomb.into());
                }
            }
        }
    }
    bombs
}

/// Arrays that hold as many of the smallest elements as the bytes can: the most that memory can grow.
#[test]
fn the_smallest_elements_stay_within_the_limit() {
    for count in [0, 1, 100, 3000] {
        let topics = vec![Default::default(); count];
        let request = FetchRequest {
            topics,
            ..FetchRequest::default()
        };
        let mut w = Writer::new();
        request.encode(12, &mut w).unwrap();
        check::<FetchRequest>(&w.into_segments()[0]);
        let names = DeleteTopicsRequest {
            topic_names: vec![String::new(); count],
            ..DeleteTopicsRequest::default()
        };
        let mut w = Writer::new();
        names.encode(5, &mut w).unwrap();
        check::<DeleteTopicsRequest>(&w.into_segments()[0]);
    }
}

#[test]
fn announced_counts_allocate_nothing() {
    for bomb in bombs() {
        check_all(&bomb);
    }
}

#[test]
fn an_announced_frame_allocates_nothing() {
    let mut buf = BytesMut::from(&[0x05, 0xff, 0xff, 0xff, 1, 2, 3][..]);
    let mut decoder = FrameDecoder::new(100 << 20);
    let allocated = allocated_by(|| assert_eq!(decoder.next(&mut buf), Ok(None)));
    assert_eq!(allocated, 0);
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 400,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn random_bytes_are_read_within_the_limit(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        check_all(&bytes.into());
    }

    #[test]
    fn near_messages_are_read_within_the_limit(bytes in near_messages()) {
        check_all(&bytes.into());
    }

    #[test]
    fn request_headers_are_read_within_the_limit(bytes in near_messages()) {
        let mut r = Reader::new(bytes.clone().into());
        let allocated = allocated_by(|| drop(decode_request_header(&mut r)));
        prop_assert!(allocated <= FACTOR * bytes.len() + SLACK);
    }
}
