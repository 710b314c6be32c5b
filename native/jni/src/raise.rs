//! Throws exceptions: Java's `NativeFailure` makes them.
//!
//! Rust knows one class only, and by reference: what is looked up by name when it is needed may be gone with the class
//! loader by then.

use std::sync::OnceLock;

use jni::Env;
use jni::objects::JClass;
use jni::sys::{jmethodID, jvalue, jweak};

use crate::failure::{Failure, Outcome};
use crate::java::{call, string};

/// `NativeFailure.raise(code, message)`, which throws.
struct Raise {
    /// Weak: this library lives as long as the class loader, and a strong reference would keep that for ever.
    class: jweak,
    method: jmethodID,
}

// SAFETY: weak global references and method IDs may be used by any thread (JNI specification, "Global and Local
// References").
unsafe impl Send for Raise {}
unsafe impl Sync for Raise {}

/// The method that throws. Never freed: a library that is unloaded leaves one empty cell of the JVM behind.
static RAISE: OnceLock<Raise> = OnceLock::new();

/// Makes the class known that throws. Only the first call counts.
pub(crate) fn register(env: &Env<'_>, class: &JClass<'_>) -> Outcome<()> {
    let signature = c"(Ljava/lang/String;Ljava/lang/String;)V";
    let method = call!(env, v1_1, GetStaticMethodID, class.as_raw(), c"raise".as_ptr(), signature.as_ptr())?;
    // SAFETY: JNI 1.2, which every JVM has; the class is a reference of the calling native function.
    let weak = unsafe { ((**env.get_raw()).v1_2.NewWeakGlobalRef)(env.get_raw(), class.as_raw()) };
    let _ = RAISE.set(Raise { class: weak, method });
    Ok(())
}

/// Leaves an exception pending.
pub(crate) fn raise(env: &Env<'_>, code: &str, message: &str) -> Outcome<()> {
    let Some(raise) = RAISE.get() else { return raise_without_class(env, message) };
    // SAFETY: JNI 1.2; null when the class is gone, which cannot be while its loader's code calls us.
    let class = unsafe { ((**env.get_raw()).v1_2.NewLocalRef)(env.get_raw(), raise.class) };
    if class.is_null() {
        return raise_without_class(env, message);
    }
    let (code, message) = (string(env, code)?, string(env, message)?);
    let arguments = [jvalue { l: code.as_raw() }, jvalue { l: message.as_raw() }];
    call!(env, v1_1, CallStaticVoidMethodA, class, raise.method, arguments.as_ptr())
}

/// Throws before [`register`] was called.
fn raise_without_class(env: &Env<'_>, message: &str) -> Outcome<()> {
    let class = call!(env, v1_1, FindClass, c"java/lang/IllegalStateException".as_ptr())?;
    let message = std::ffi::CString::new(message.replace(|c: char| !c.is_ascii() || c == '\0', "?"))
        .map_err(|_| Failure::Internal(String::new()))?;
    call!(env, v1_1, ThrowNew, class, message.as_ptr()).map(|_| ())
}
