//! `NativeLibrary`: that the library is there, and what it logs.

use flink_redis_engine::telemetry::{logs, panics};
use jni::EnvUnowned;
use jni::objects::{JClass, JString};
use jni::sys::jint;

use crate::guard::guarded;
use crate::java::{json, string};

#[unsafe(no_mangle)]
pub extern "system" fn Java_com_redis_flink_bridge_NativeLibrary_nativeVersion<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
) -> JString<'local> {
    panics::note();
    logs::install();
    guarded(env, |env| string(env, env!("CARGO_PKG_VERSION")))
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
