//! What a native function can end with, before it is an exception.

use flink_redis_engine::error::Error as EngineError;
use jni::errors::Error as JniError;

/// What a native function can end with.
#[derive(Debug)]
pub(crate) enum Failure {
    Engine(EngineError),
    /// Java gave what the function does not take.
    Argument(String),
    /// What can't happen.
    Internal(String),
    /// The JVM has thrown; its exception is pending.
    Pending,
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        Self::Engine(error)
    }
}

/// Of the jni crate's frame round a native function; its calls into the JVM are not used.
impl From<JniError> for Failure {
    fn from(error: JniError) -> Self {
        match error {
            JniError::JavaException => Self::Pending,
            error => Self::Internal(format!("the JVM refused a call: {error}")),
        }
    }
}

pub(crate) type Outcome<T> = Result<T, Failure>;
