//! The calls into the JVM that the boundary makes: strings and arrays in and out.
//!
//! None looks up a class. The jni crate's own wrappers do when the JVM throws (a heap that is full): by name, through
//! the context class loader of the thread. After the end of a job that loader is closed and throws too, and the crate
//! recurses until the stack ends. Here an exception of the JVM stays pending, and the native function returns with it.

use std::ptr;

use flink_redis_engine::config::parse;
use jni::Env;
use jni::objects::{JByteArray, JIntArray, JObject, JObjectArray, JString};
use jni::sys::{jint, jsize};
use serde::de::DeserializeOwned;

use crate::failure::{Failure, Outcome};

/// Calls a function of JNI; an exception that is pending before or afterwards is the outcome.
macro_rules! call {
    ($env:expr, $version:ident, $function:ident $(, $argument:expr)*) => {{
        let raw = $env.get_raw();
        // SAFETY: the environment is this thread's, and the arguments are what the function takes: references that
        // live, memory that is as long as is said. No exception is pending, as most functions demand.
        match $env.exception_check() {
            true => Err(Failure::Pending),
            false => {
                let result = unsafe { ((**raw).$version.$function)(raw $(, $argument)*) };
                if $env.exception_check() { Err(Failure::Pending) } else { Ok(result) }
            }
        }
    }};
}
pub(crate) use call;

/// Reads a string that Java gives. What is half a character becomes `U+FFFD`.
pub(crate) fn text(env: &Env<'_>, what: &str, string: &JString<'_>) -> Outcome<String> {
    refuse_null(what, string)?;
    let length = call!(env, v1_1, GetStringLength, string.as_raw())?;
    let mut units = vec![0u16; usize::try_from(length).unwrap_or_default()];
    call!(env, v1_2, GetStringRegion, string.as_raw(), 0, length, units.as_mut_ptr())?;
    Ok(String::from_utf16_lossy(&units))
}

/// Reads JSON that Java gives.
pub(crate) fn parsed<T: DeserializeOwned>(env: &Env<'_>, what: &str, json: &JString<'_>) -> Outcome<T> {
    Ok(parse(what, &text(env, what, json)?)?)
}

/// Makes a Java string.
pub(crate) fn string<'local>(env: &Env<'local>, text: &str) -> Outcome<JString<'local>> {
    let units: Vec<u16> = text.encode_utf16().collect();
    let string = call!(env, v1_1, NewString, units.as_ptr(), length(units.len())?)?;
    // SAFETY: a new local reference of this frame.
    Ok(unsafe { JString::from_raw(env, string) })
}

/// Makes a Java string of JSON.
pub(crate) fn json<'local>(env: &Env<'local>, value: &impl serde::Serialize) -> Outcome<JString<'local>> {
    let json = serde_json::to_string(value).map_err(|error| Failure::Internal(format!("no JSON: {error}")))?;
    string(env, &json)
}

/// Makes a `byte[]`.
pub(crate) fn byte_array<'local>(env: &Env<'local>, bytes: &[u8]) -> Outcome<JByteArray<'local>> {
    let length = length(bytes.len())?;
    let array = call!(env, v1_1, NewByteArray, length)?;
    call!(env, v1_1, SetByteArrayRegion, array, 0, length, bytes.as_ptr().cast())?;
    // SAFETY: a new local reference of this frame.
    Ok(unsafe { JByteArray::from_raw(env, array) })
}

/// Returns the length of an array of objects.
pub(crate) fn array_length(env: &Env<'_>, what: &str, array: &JObjectArray<'_>) -> Outcome<usize> {
    refuse_null(what, array)?;
    Ok(usize::try_from(call!(env, v1_1, GetArrayLength, array.as_raw())?).unwrap_or_default())
}

/// Makes a `byte[]`, and puts it into a `byte[][]`.
pub(crate) fn put_byte_array(env: &Env<'_>, arrays: &JObjectArray<'_>, at: usize, bytes: &[u8]) -> Outcome<()> {
    let array = byte_array(env, bytes)?;
    call!(env, v1_1, SetObjectArrayElement, arrays.as_raw(), length(at)?, array.as_raw())?;
    call!(env, v1_1, DeleteLocalRef, array.as_raw())
}

/// Copies the first bytes of a `byte[]` into the buffer that `buffer` makes for so many.
pub(crate) fn bytes(
    env: &Env<'_>,
    what: &str,
    array: &JByteArray<'_>,
    wanted: jint,
    buffer: impl FnOnce(usize) -> Vec<u8>,
) -> Outcome<Vec<u8>> {
    refuse_null(what, array)?;
    let there = call!(env, v1_1, GetArrayLength, array.as_raw())?;
    if !(0..=there).contains(&wanted) {
        return Err(Failure::Argument(format!("{what}: {wanted} bytes of an array of {there}")));
    }
    let length = usize::try_from(wanted).unwrap_or_default();
    let mut bytes = buffer(length);
    bytes.clear();
    bytes.reserve(length);
    call!(env, v1_1, GetByteArrayRegion, array.as_raw(), 0, wanted, bytes.as_mut_ptr().cast())?;
    // SAFETY: there is room for them, and they were written: the range is within the array, so nothing was thrown.
    unsafe { bytes.set_len(length) };
    Ok(bytes)
}

/// Copies an `int[]`.
pub(crate) fn ints(env: &Env<'_>, what: &str, array: &JIntArray<'_>) -> Outcome<Vec<jint>> {
    refuse_null(what, array)?;
    let there = call!(env, v1_1, GetArrayLength, array.as_raw())?;
    let mut ints = vec![0; usize::try_from(there).unwrap_or_default()];
    call!(env, v1_1, GetIntArrayRegion, array.as_raw(), 0, there, ints.as_mut_ptr())?;
    Ok(ints)
}

fn refuse_null(what: &str, object: &JObject<'_>) -> Outcome<()> {
    if ptr::eq(object.as_raw(), ptr::null_mut()) { Err(Failure::Argument(format!("{what}: null"))) } else { Ok(()) }
}

fn length(length: usize) -> Outcome<jsize> {
    jsize::try_from(length).map_err(|_| Failure::Internal(format!("{length} is more than an array of Java's takes")))
}
