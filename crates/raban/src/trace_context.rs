//! An interceptor for the W3C trace context: records say which trace they belong to.

use std::fmt;

use crate::callbacks::ProducerInterceptor;
use crate::record::Record;

const TRACEPARENT: &str = "traceparent";
const TRACESTATE: &str = "tracestate";

/// Gives records the headers `traceparent` and `tracestate` of the [W3C trace
/// context](https://www.w3.org/TR/trace-context/), so that traces go on where records are read.
///
/// Whatever library does the tracing, a function tells the span of the thread that sends. A record
/// that has a `traceparent` already keeps it.
///
/// ```
/// # fn current_span() -> Option<([u8; 16], [u8; 8])> { None }
/// # fn main() -> Result<(), raban::StartError> {
/// use raban::{Producer, SpanContext, TraceContext};
///
/// let producer = Producer::builder()
///     .bootstrap_servers("localhost:9092")
///     .interceptor(TraceContext::new(|| {
///         let (trace_id, span_id) = current_span()?;
///         Some(SpanContext { trace_id, span_id, sampled: true, state: String::new() })
///     }))
///     .build()?;
/// # drop(producer);
/// # Ok(())
/// # }
/// ```
pub struct TraceContext {
    current: Box<dyn Fn() -> Option<SpanContext> + Send + Sync>,
}

/// A span, as a trace context names it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SpanContext {
    /// The trace; all zeros are none.
    pub trace_id: [u8; 16],
    /// The span that sends the record; all zeros are none.
    pub span_id: [u8; 8],
    /// Whether the trace is recorded.
    pub sampled: bool,
    /// What tracing systems add (`tracestate`); may be empty.
    pub state: String,
}

impl TraceContext {
    /// With `current`, which tells the span of the thread it is called on, if there is one.
    pub fn new(current: impl Fn() -> Option<SpanContext> + Send + Sync + 'static) -> Self {
        Self {
            current: Box::new(current),
        }
    }
}

impl fmt::Debug for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TraceContext").finish_non_exhaustive()
    }
}

impl ProducerInterceptor for TraceContext {
    fn on_send(&self, record: &mut Record<'_>) {
        let has_one = |record: &Record<'_>| {
            let mut headers = record.headers().iter();
            headers.any(|header| header.key == TRACEPARENT)
        };
        if has_one(record) {
            return;
        }
        let Some(span) = (self.current)().filter(SpanContext::is_valid) else {
            return;
        };
        record.add_header(TRACEPARENT, span.traceparent());
        if !span.state.is_empty() {
            record.add_header(TRACESTATE, span.state);
        }
    }
}

impl SpanContext {
    fn is_valid(&self) -> bool {
        self.trace_id != [0; 16] && self.span_id != [0; 8]
    }

    /// Version 00: trace, span, flags.
    fn traceparent(&self) -> String {
        let trace = u128::from_be_bytes(self.trace_id);
        let span = u64::from_be_bytes(self.span_id);
        format!("00-{trace:032x}-{span:016x}-{:02x}", u8::from(self.sampled))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(span: Option<SpanContext>, record: Record<'_>) -> Vec<(String, String)> {
        let mut record = record;
        TraceContext::new(move || span.clone()).on_send(&mut record);
        let text = |value: Option<&bytes::Bytes>| String::from_utf8(value.unwrap().to_vec());
        let headers = record.headers().iter();
        headers
            .map(|header| (header.key.clone(), text(header.value.as_ref()).unwrap()))
            .collect()
    }

    fn span() -> SpanContext {
        SpanContext {
            trace_id: 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c_u128.to_be_bytes(),
            span_id: 0x00f0_67aa_0ba9_02b7_u64.to_be_bytes(),
            sampled: true,
            state: String::new(),
        }
    }

    #[test]
    fn a_record_names_the_span_that_sends_it() {
        let parent = "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01";
        let expected = ("traceparent".to_owned(), parent.to_owned());
        let plain = headers(Some(span()), Record::to("t"));
        assert_eq!(plain, std::slice::from_ref(&expected));
        let with_state = SpanContext {
            state: "a=1".to_owned(),
            ..span()
        };
        let state = ("tracestate".to_owned(), "a=1".to_owned());
        assert_eq!(
            headers(Some(with_state), Record::to("t")),
            [expected, state]
        );
    }

    #[test]
    fn without_a_span_and_with_a_parent_nothing_is_added() {
        let zero = SpanContext {
            span_id: [0; 8],
            ..span()
        };
        for none in [None, Some(zero)] {
            assert!(headers(none, Record::to("t")).is_empty());
        }
        let passed_on = Record::to("t").header("traceparent", "theirs");
        let kept = headers(Some(span()), passed_on);
        assert_eq!(kept, [("traceparent".to_owned(), "theirs".to_owned())]);
    }
}
