use std::net::Ipv4Addr;

use super::*;

fn address(last: u8) -> IpAddr {
    Ipv4Addr::new(127, 0, 0, last).into()
}

fn gate(rate: u32, burst: u32) -> Gate {
    let limits = GateLimits {
        handshakes_per_second: rate,
        handshakes_burst: burst,
        ..GateLimits::default()
    };
    Gate::new(limits)
}

#[test]
fn an_address_gets_its_burst_and_then_its_rate() {
    let mut gate = gate(10, 5);
    for _ in 0..5 {
        assert_eq!(gate.handshake(Mono(0), address(1)), Ok(()));
    }
    assert_eq!(gate.handshake(Mono(0), address(1)), Err(100));
    assert_eq!(gate.handshake(Mono(0), address(2)), Ok(()));
    assert_eq!(gate.handshake(Mono(100), address(1)), Ok(()));
    assert!(gate.handshake(Mono(100), address(1)).is_err());
}

#[test]
fn never_more_than_burst_plus_rate_times_time() {
    let mut gate = gate(7, 3);
    let let_in = (0..10_000)
        .filter(|ms| gate.handshake(Mono(*ms), address(1)).is_ok())
        .count();
    assert!((70..=73).contains(&let_in), "{let_in}");
}

#[test]
fn a_flood_of_addresses_does_not_grow_the_table() {
    let mut gate = gate(1, 5);
    for n in 0..50_000_u32 {
        let from = IpAddr::from(n.to_be_bytes());
        gate.handshake(Mono(0), from).ok();
    }
    assert!(gate.addresses.len() <= ADDRESSES_MAX);
    let later = IpAddr::from([9, 9, 9, 9]);
    assert_eq!(gate.handshake(Mono(10_000), later), Ok(()));
}

#[test]
fn a_user_has_so_many_connections_and_gets_them_back() {
    let limits = GateLimits {
        connections_per_user: 2,
        ..GateLimits::default()
    };
    let mut gate = Gate::new(limits);
    let ana = UserId::parse("ana").unwrap();
    assert!(gate.admit(&ana) && gate.admit(&ana) && !gate.admit(&ana));
    gate.release(&ana);
    assert!(gate.admit(&ana));
    gate.release(&ana);
    gate.release(&ana);
    assert_eq!(gate.counts(), (0, 0));
}

#[test]
fn a_full_process_lets_nobody_in() {
    let limits = GateLimits {
        connections: 1,
        ..GateLimits::default()
    };
    let mut gate = Gate::new(limits);
    assert!(gate.open() && !gate.open());
    assert!(gate.handshake(Mono(0), address(1)).is_err());
    gate.close();
    assert!(gate.open());
}
