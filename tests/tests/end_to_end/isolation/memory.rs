//! A plugin that takes what there is gets its limit, and what it had is given back.

use super::neighbour::Street;

/// Linear memory that an instance may have.
const LIMIT_KIB: u64 = 64 << 10;

/// What a host may need besides.
const SLACK_KIB: u64 = 16 << 10;

#[test]
fn growth_ends_at_the_limit_and_is_named() {
    let street = Street::new("trap");
    let before = street.host.rss_kib();
    street.disturb(|| {
        for _ in 0..3 {
            let mut guest = street.guest();
            guest.send("grow");
            guest.expect_reset();
        }
    });
    let peak = street.host.rss_peak_kib().saturating_sub(before);
    assert!(peak < LIMIT_KIB + SLACK_KIB, "the host grew by {peak} KiB");
    let left = street.host.rss_kib().saturating_sub(before);
    assert!(left < SLACK_KIB, "{left} KiB were not given back");

    let refused = street.host.log().wait_for_event("WARN", "memory: growth refused");
    assert_eq!(refused.field("binding"), "test:guest");
    assert_eq!(refused.field("memory_octets_max"), (LIMIT_KIB * 1024).to_string());
    let trap = street.host.wait_for_trap("test:guest");
    assert!(trap.field("reason").contains("were asked for and refused"), "{trap}");
}
