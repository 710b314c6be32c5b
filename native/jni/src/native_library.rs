//! `NativeLibrary`: begins to use the library, and fetches what it logs.

use flink_redis_engine::telemetry::{logs, panics};
use jni::EnvUnowned;
use jni::objects::{JClass, JString};
use jni::sys::jint;

use crate::guard::guarded;
use crate::java::{json, string};

/// Installs the panic hook and the collector of log events, and returns the version. To be called first; later calls
/// return the version.
#[unsafe(no_mangle)]
pub extern "system" fn Java_com_redis_flink_bridge_NativeLibrary_nativeInit<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
) -> JString<'local> {
    guarded(env, |env| {
        panics::note();
        logs::install();
        string(env, env!("CARGO_PKG_VERSION"))
    })
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_com_redis_flink_bridge_NativeLibrary_nativeLogLevel<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    level: jint,
) {
    guarded(env, |_| {
        logs::set_level(level.clamp(0, 5) as u8);
        Ok(())
    });
}

/// `null` when there is nothing, which is nearly always.
#[unsafe(no_mangle)]
pub extern "system" fn Java_com_redis_flink_bridge_NativeLibrary_nativeDrainLogs<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
) -> JString<'local> {
    guarded(env, |env| match logs::drain() {
        Some(drained) => json(env, &drained),
        None => Ok(JString::default()),
    })
}

/// For the test that proves the guard: what a bug of ours would do, and the JVM lives on.
#[unsafe(no_mangle)]
pub extern "system" fn Java_com_redis_flink_bridge_NativeLibrary_nativePanic<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
) {
    guarded(env, |_| panic!("asked to panic"))
}
