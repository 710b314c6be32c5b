//! `NativeLibrary`: begins to use the library, and fetches what it logs.

use flink_redis_engine::runtime;
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

/// Sets how many worker threads the engine starts, 1 to 64; 0: as many as it finds right.
#[unsafe(no_mangle)]
pub extern "system" fn Java_com_redis_flink_bridge_NativeLibrary_nativeWorkerThreads<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    count: jint,
) {
    guarded(env, |_| {
        runtime::set_workers(usize::try_from(count).unwrap_or_default());
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
