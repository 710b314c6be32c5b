//! Handles: numbers that Java holds in place of pointers.
//!
//! A number is never given twice in the life of the library, so a call after close finds nothing, never somebody else's
//! object. A call under way keeps its object alive until it returns.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use parking_lot::Mutex;

/// The next handle, shared by all tables. 0 is no handle.
static NEXT: AtomicI64 = AtomicI64::new(1);

pub(crate) struct Handles<T> {
    objects: Mutex<Option<HashMap<i64, Arc<T>>>>,
}

impl<T> Handles<T> {
    pub(crate) const fn new() -> Self {
        Self { objects: Mutex::new(None) }
    }

    pub(crate) fn add(&self, object: T) -> i64 {
        let handle = NEXT.fetch_add(1, Ordering::Relaxed);
        self.objects.lock().get_or_insert_default().insert(handle, Arc::new(object));
        handle
    }

    /// Returns the object; `None` once it is closed.
    pub(crate) fn get(&self, handle: i64) -> Option<Arc<T>> {
        self.objects.lock().as_ref().and_then(|objects| objects.get(&handle).cloned())
    }

    /// Takes the object out, if it still is there.
    pub(crate) fn remove(&self, handle: i64) -> Option<Arc<T>> {
        self.objects.lock().as_mut().and_then(|objects| objects.remove(&handle))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_handle_finds_nothing_and_is_not_given_again() {
        let handles = Handles::new();
        let first = handles.add("first");
        assert_eq!(*handles.get(first).unwrap(), "first");
        assert!(handles.remove(first).is_some());
        assert!(handles.remove(first).is_none());
        let second = handles.add("second");
        assert_ne!(first, second);
        assert!(handles.get(first).is_none());
        assert!(handles.get(0).is_none());
    }
}
