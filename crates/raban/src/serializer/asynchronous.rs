//! Serializers that wait for something, such as a schema registry's answer.

use std::pin::Pin;
use std::sync::Arc;

use super::{SerializeContext, SerializeError, Serializer};

/// What [`AsyncSerializer::serialize`] returns.
pub type SerializeFuture<'a> =
    Pin<Box<dyn Future<Output = Result<(), SerializeError>> + Send + 'a>>;

/// As [`Serializer`], for one that has to wait: for a schema registry, a key server. A handle takes
/// it by [`Topic::with_async_key`](crate::Topic::with_async_key) and
/// [`with_async_value`](crate::Topic::with_async_value).
///
/// The wait comes before the record is accepted, and `max.block.ms` doesn't bound it. Records are
/// in the order of acceptance: of two `enqueue`s that are polled at the same time, either may come
/// first. `try_enqueue` can't wait, and fails. Blocking calls drive it outside any runtime, as
/// [`block_on`](crate::block_on) does.
///
/// ```
/// use raban::{AsyncSerializer, SerializeContext, SerializeError, SerializeFuture};
///
/// struct WithSchema;
///
/// # async fn schema_of(topic: &str) -> Result<u32, SerializeError> { Ok(7) }
/// impl AsyncSerializer<str> for WithSchema {
///     fn serialize<'a>(
///         &'a self,
///         context: &'a mut SerializeContext<'_>,
///         value: &'a str,
///         out: &'a mut Vec<u8>,
///     ) -> SerializeFuture<'a> {
///         Box::pin(async move {
///             let schema = schema_of(context.topic()).await?;
///             out.push(0);
///             out.extend_from_slice(&schema.to_be_bytes());
///             out.extend_from_slice(value.as_bytes());
///             Ok(())
///         })
///     }
/// }
/// ```
pub trait AsyncSerializer<T: ?Sized>: Send + Sync {
    /// As [`Serializer::serialize`].
    ///
    /// # Errors
    /// The record isn't sent, with [`ErrorKind::Serialize`](crate::ErrorKind::Serialize).
    fn serialize<'a>(
        &'a self,
        context: &'a mut SerializeContext<'_>,
        value: &'a T,
        out: &'a mut Vec<u8>,
    ) -> SerializeFuture<'a>;
}

/// The serializer that a handle has for its keys or its values.
pub(crate) enum Bound<T: ?Sized> {
    Now(Arc<dyn Serializer<T>>),
    Later(Arc<dyn AsyncSerializer<T>>),
}

impl<T: ?Sized> Bound<T> {
    pub(crate) fn waits(&self) -> bool {
        matches!(self, Self::Later(_))
    }

    /// The bytes of `value` where it holds them itself.
    pub(crate) fn as_bytes<'v>(&self, value: &'v T) -> Option<&'v [u8]> {
        match self {
            Self::Now(serializer) => serializer.as_bytes(value),
            Self::Later(_) => None,
        }
    }

    /// Serializes without a wait, or fails where there would be one.
    pub(crate) fn now(
        &self,
        context: &mut SerializeContext<'_>,
        value: &T,
        out: &mut Vec<u8>,
    ) -> Result<(), SerializeError> {
        match self {
            Self::Now(serializer) => serializer.serialize(context, value, out),
            Self::Later(_) => Err(SerializeError::new(
                "its serializer is asynchronous; wait with enqueue or send",
            )),
        }
    }

    pub(crate) async fn later(
        &self,
        context: &mut SerializeContext<'_>,
        value: &T,
        out: &mut Vec<u8>,
    ) -> Result<(), SerializeError> {
        match self {
            Self::Now(serializer) => serializer.serialize(context, value, out),
            Self::Later(serializer) => serializer.serialize(context, value, out).await,
        }
    }
}

impl<T: ?Sized> Clone for Bound<T> {
    fn clone(&self) -> Self {
        match self {
            Self::Now(serializer) => Self::Now(Arc::clone(serializer)),
            Self::Later(serializer) => Self::Later(Arc::clone(serializer)),
        }
    }
}
