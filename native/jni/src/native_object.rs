//! `NativeObject`: what all native objects have in common, by their handle.

use std::sync::Arc;

use flink_redis_engine::client::Credentials;
use flink_redis_engine::object::{EngineObject, Tick};
use flink_redis_engine::telemetry::logs;
use jni::EnvUnowned;
use jni::objects::{JClass, JString};
use jni::sys::{jint, jlong};

use crate::guard::{guarded, on_found};
use crate::handles::Handles;
use crate::java::text;
use crate::native_committer::COMMITTERS;
use crate::native_enumerator::ENUMERATORS;
use crate::native_reader::READERS;
use crate::native_writer::WRITERS;

/// The bits of a tick; `NativeObject` has them, too.
const CREDENTIALS_REQUESTED: jint = 1;
const LOGS_WAITING: jint = 2;
const BUSY: jint = 4;

/// The objects of one class.
trait Objects: Sync {
    fn get(&self, handle: i64) -> Option<Arc<dyn EngineObject>>;

    /// Takes the object out, if it still is there.
    fn remove(&self, handle: i64) -> Option<Arc<dyn EngineObject>>;
}

impl<O: EngineObject + 'static> Objects for Handles<O> {
    fn get(&self, handle: i64) -> Option<Arc<dyn EngineObject>> {
        Self::get(self, handle).map(|object| object as _)
    }

    fn remove(&self, handle: i64) -> Option<Arc<dyn EngineObject>> {
        Self::remove(self, handle).map(|object| object as _)
    }
}

/// The objects of all classes. No handle is in two of these tables.
static OBJECTS: [&dyn Objects; 4] = [&READERS, &WRITERS, &COMMITTERS, &ENUMERATORS];

fn find(handle: i64) -> Option<Arc<dyn EngineObject>> {
    OBJECTS.iter().find_map(|objects| objects.get(handle))
}

fn remove(handle: i64) -> Option<Arc<dyn EngineObject>> {
    OBJECTS.iter().find_map(|objects| objects.remove(handle))
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_com_redis_flink_bridge_NativeObject_nativeTick<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    handle: jlong,
) -> jint {
    on_found(env, || find(handle), |_, object| Ok(bits(object.tick()?)))
}

fn bits(tick: Tick) -> jint {
    let bit = |is_set: bool, bit: jint| if is_set { bit } else { 0 };
    bit(tick.credentials_requested, CREDENTIALS_REQUESTED)
        | bit(logs::are_waiting(), LOGS_WAITING)
        | bit(tick.is_busy, BUSY)
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_com_redis_flink_bridge_NativeObject_nativeProvide<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    handle: jlong,
    credentials: JString<'local>,
) {
    on_found(
        env,
        || find(handle),
        |env, object| {
            object.provide(&Credentials::from_json(&text(env, "credentials", &credentials)?)?);
            Ok(())
        },
    );
}

/// Does nothing when the object is closed already.
#[unsafe(no_mangle)]
pub extern "system" fn Java_com_redis_flink_bridge_NativeObject_nativeClose<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    handle: jlong,
) {
    guarded(env, |_| {
        if let Some(object) = remove(handle) {
            object.close();
        }
        Ok(())
    });
}
