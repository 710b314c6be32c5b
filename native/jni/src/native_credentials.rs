//! `NativeCredentials`: the desk at which connects ask for credentials.

use flink_redis_engine::config::ConnectionSettings;
use flink_redis_engine::connection::{Credentials, CredentialsBroker};
use jni::EnvUnowned;
use jni::objects::{JClass, JString};
use jni::sys::{jboolean, jlong};

use crate::guard::{Failure, Outcome, guarded, on_object, on_removed};
use crate::handles::Handles;
use crate::java::text;

static DESKS: Handles<CredentialsBroker> = Handles::new();

/// The desk that the settings name, if they name one. To be called by whatever is opened with connection settings.
pub(crate) fn find_desk(connection: &mut ConnectionSettings) -> Outcome<()> {
    if let Some(handle) = connection.credentials {
        connection.desk = Some(DESKS.get(handle).ok_or(Failure::Closed)?);
    }
    Ok(())
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_com_redis_flink_bridge_NativeCredentials_nativeOpen<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
) -> jlong {
    guarded(env, |_| Ok(DESKS.add(CredentialsBroker::new())))
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_com_redis_flink_bridge_NativeCredentials_nativeWanted<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    handle: jlong,
) -> jboolean {
    on_object(env, &DESKS, handle, |_, desk| Ok(desk.is_requested()))
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_com_redis_flink_bridge_NativeCredentials_nativeGive<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    handle: jlong,
    credentials: JString<'local>,
) {
    on_object(env, &DESKS, handle, |env, desk| {
        desk.provide(&Credentials::from_json(&text(env, "credentials", &credentials)?)?);
        Ok(())
    });
}

#[unsafe(no_mangle)]
pub extern "system" fn Java_com_redis_flink_bridge_NativeCredentials_nativeClose<'local>(
    env: EnvUnowned<'local>,
    _class: JClass<'local>,
    handle: jlong,
) {
    on_removed(env, &DESKS, handle, |desk| desk.close());
}
