//! An event as it comes from EventBridge, or a record as it comes from a log file. Both come from outside.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use snapback::event::Event;

fuzz_target!(|data: &[u8]| {
    let Ok(value) = serde_json::from_slice::<Value>(data) else { return };
    for event in [Event::from_envelope(value.clone()), Event::from_record(value)].into_iter().flatten() {
        let _ = event.admit();
        let _ = event.partition();
        let _ = event.actor.to_string();
    }
});
