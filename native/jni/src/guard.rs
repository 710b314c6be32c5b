//! The one guard: what goes wrong inside becomes an exception of the calling Java thread, and nothing unwinds into the JVM.
//!
//! A panic that left an `extern` function would abort the process, and with it the TaskManager.

use std::any::Any;
use std::cell::RefCell;
use std::panic::PanicHookInfo;
use std::sync::Once;
use std::time::Duration;

use flink_redis_engine::error::Error as EngineError;
use jni::errors::{Error as JniError, ErrorPolicy};
use jni::objects::{JObject, JString, JThrowable, JValue};
use jni::strings::JNIString;
use jni::sys::jint;
use jni::{Env, EnvUnowned, jni_sig, jni_str};

/// What a native function can end with.
#[derive(Debug)]
pub(crate) enum Failure {
    Engine(EngineError),
    /// No object under that handle: it was closed.
    Closed,
    Jni(JniError),
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        Self::Engine(error)
    }
}

impl From<JniError> for Failure {
    fn from(error: JniError) -> Self {
        Self::Jni(error)
    }
}

pub(crate) type Outcome<T> = Result<T, Failure>;

/// Runs the body of a native function. After a failure the JVM ignores what is returned, and throws.
pub(crate) fn guarded<'local, T: Default>(
    mut env: EnvUnowned<'local>,
    body: impl FnOnce(&mut Env<'local>) -> Outcome<T>,
) -> T {
    env.with_env(body).resolve::<ThrowTyped>()
}

/// How long a call may wait, as Java says it.
pub(crate) fn wait(max_wait_millis: jint) -> Duration {
    Duration::from_millis(u64::from(max_wait_millis.max(0).unsigned_abs()))
}

/// Each failure as its Java exception.
struct ThrowTyped;

impl<T: Default> ErrorPolicy<T, Failure> for ThrowTyped {
    type Captures<'unowned: 'native, 'native> = ();

    fn on_error<'unowned: 'native, 'native>(
        env: &mut Env<'unowned>,
        _: &mut (),
        failure: Failure,
    ) -> jni::errors::Result<T> {
        match failure {
            Failure::Closed | Failure::Engine(EngineError::Closed) => {
                env.throw_new(jni_str!("java/lang/IllegalStateException"), JNIString::from("it is closed"))
            }
            Failure::Engine(EngineError::Settings(message)) => {
                env.throw_new(jni_str!("java/lang/IllegalArgumentException"), JNIString::from(message))
            }
            Failure::Engine(error @ (EngineError::Panic(_) | EngineError::Internal(_))) => {
                throw_panic(env, &error.to_string())
            }
            Failure::Engine(EngineError::Redis(fault)) => throw_redis(env, fault.kind.name(), fault.message()),
            // A pending Java exception is thrown as it is.
            Failure::Jni(JniError::JavaException) => Ok(()),
            Failure::Jni(error) => throw_panic(env, &format!("the JVM refused a call: {error}")),
        }
        .map(|()| T::default())
    }

    fn on_panic<'unowned: 'native, 'native>(
        env: &mut Env<'unowned>,
        _: &mut (),
        payload: Box<dyn Any + Send>,
    ) -> jni::errors::Result<T> {
        let error = EngineError::from_panic(payload);
        let place = PLACE.with(|place| place.borrow_mut().take()).unwrap_or_default();
        throw_panic(env, &format!("{error}{place}")).map(|()| T::default())
    }
}

fn throw_panic(env: &mut Env<'_>, message: &str) -> jni::errors::Result<()> {
    env.throw_new(jni_str!("com/redis/flink/bridge/NativePanicException"), JNIString::from(message))
}

fn throw_redis(env: &mut Env<'_>, code: &str, message: &str) -> jni::errors::Result<()> {
    let code = JString::from_str(env, code)?;
    let message = JString::from_str(env, message)?;
    let arguments = [JValue::Object(&code), JValue::Object(&message)];
    let exception: JObject<'_> = env.new_object(
        jni_str!("com/redis/flink/bridge/RedisException"),
        jni_sig!("(Ljava/lang/String;Ljava/lang/String;)V"),
        &arguments,
    )?;
    let exception = env.cast_local::<JThrowable>(exception)?;
    env.throw(exception)
}

thread_local! {
    /// Where this thread panicked last, which the payload of a panic does not tell. Not how it got there: the library's file is deleted
    /// once it is loaded, so its frames have no names.
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Notes the place of panics for the exception, instead of printing it. The hook of this copy of the library only.
pub(crate) fn note_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        std::panic::set_hook(Box::new(|panic: &PanicHookInfo<'_>| {
            let place = panic.location().map(ToString::to_string).unwrap_or_default();
            PLACE.with(|kept| *kept.borrow_mut() = Some(format!(" (at {place})")));
        }));
    });
}
