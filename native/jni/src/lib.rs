//! The boundary between Java and the engine: one file for each Java class of `com.redis.flink.bridge`, with the same
//! name.
//!
//! # Layout
//!
//! * [`guard`] every native function runs inside it: errors and panics become Java exceptions, thrown by [`raise`];
//!   [`failure`] is their sum
//! * [`handles`] `long` handles instead of pointers
//! * [`java`] the calls into the JVM, none of which looks up a class
//! * [`native_library`], [`native_failure`] the library's own classes
//! * [`native_enumerator`], [`native_reader`], [`native_writer`], [`native_committer`] those with objects, and
//!   [`native_object`] what these have in common
//!
//! Rules, reasons, layouts: `docs/architecture.md` ("The boundary"). The engine never calls Java: each function here is
//! called by a thread of Flink's, works in Rust, and makes at most one Java object, its result. A failure is the
//! exception: Java's `NativeFailure` makes and throws it, still in that thread.

// The JVM finds native methods by their exported names; an export counts as unsafe, and as public.
#![allow(unsafe_code, unreachable_pub)]

mod failure;
mod guard;
mod handles;
mod java;
mod native_committer;
mod native_enumerator;
mod native_failure;
mod native_library;
mod native_object;
mod native_reader;
mod native_writer;
mod raise;
