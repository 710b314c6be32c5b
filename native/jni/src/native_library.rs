//! `NativeLibrary`: that the library is there, and what it logs.

use flink_redis_engine::telemetry::logs;
use jni::EnvUnowned;
use jni::objects::{JClass, JString};
use jni::sys::jint;

use crate::guard::{guarded, note_panics};

#[unsafe(no_mangle)]
pub extern "system" fn Java_com_redis_flink_bridge_NativeLibrary_nativeVersion<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
) -> JString<'local> {
    note_panics();
    logs::install();
    guarded(env, |env| Ok(JString::from_str(env, env!("CARGO_PKG_VERSION"))?))
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
    guarded(env, |env| {
        let Some(drained) = logs::drain() else { return Ok(JString::default()) };
        // Texts and numbers: there is nothing in it that can't be written as JSON.
        let json = serde_json::to_string(&drained).unwrap_or_default();
        Ok(JString::from_str(env, json)?)
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
