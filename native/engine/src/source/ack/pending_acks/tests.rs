use super::*;

fn id(ms: u64) -> EntryId {
    EntryId::new(ms, 0)
}

#[test]
fn a_request_that_finds_nothing_to_do_wakes_nobody() {
    let acks = PendingAcks::default();
    let up_to = |ms| AckUpTo { up_to: id(ms), by_checkpoint: true, ..AckUpTo::default() };
    let is_requested = || acks.requested.lock().is_some();
    acks.request(up_to(9));
    assert!(!is_requested(), "nothing was read");
    acks.add(&[id(10)].into_iter().collect());
    acks.request(up_to(9));
    assert!(!is_requested(), "it is behind the checkpoint");
    acks.request(AckUpTo { except: [id(10)].into_iter().collect(), ..up_to(10) });
    assert!(!is_requested(), "it is still to be emitted");
    acks.request(up_to(10));
    assert!(is_requested());
    acks.confirmed(id(10), &Runs::default());
    acks.done(&AckUpTo { up_to: id(10), by_checkpoint: true, ..AckUpTo::default() });
    acks.connected("own", id(20), true);
    acks.request(up_to(19));
    assert!(!is_requested(), "other readers may have left what lies up to 20");
    acks.request(up_to(20));
    assert!(is_requested());
}

#[test]
fn a_request_while_the_group_is_gone_is_kept() {
    let acks = PendingAcks::default();
    acks.group_is_gone();
    acks.request(AckUpTo { up_to: id(9), ..AckUpTo::default() });
    assert!(acks.requested.lock().is_some());
}

#[test]
fn what_is_excepted_is_neither_sent_nor_forgotten() {
    let acks = PendingAcks::default();
    acks.add(&(1..=6).map(id).collect());
    let ack = AckUpTo {
        up_to: id(5),
        except: [id(2), id(3)].into_iter().collect(),
        by_checkpoint: true,
        ..AckUpTo::default()
    };
    assert_eq!(acks.to_send(&ack, 2), [id(1), id(4)]);
    acks.confirmed(id(4), &ack.except);
    assert_eq!(acks.to_send(&ack, 9), [id(5)]);
    acks.confirmed(id(5), &ack.except);
    assert_eq!(acks.to_send(&ack, 9), []);
    let later = AckUpTo { up_to: id(6), except: Runs::default(), by_checkpoint: true, ..AckUpTo::default() };
    assert_eq!(acks.to_send(&later, 9), [id(2), id(3), id(6)]);
}

#[test]
fn requests_add_up_until_they_are_done() {
    let acks = PendingAcks::default();
    acks.add(&(1..=9).map(id).collect());
    let ack = |up_to, by_checkpoint| AckUpTo { up_to: id(up_to), by_checkpoint, ..AckUpTo::default() };
    acks.request(ack(9, false));
    acks.request(ack(5, true));
    let both = acks.requested.lock().clone().unwrap();
    assert_eq!(both, ack(9, true));
    acks.request(ack(10, false));
    acks.done(&both);
    assert!(acks.requested.lock().is_some(), "more was asked for meanwhile");
    acks.done(&ack(10, true));
    assert_eq!(*acks.requested.lock(), None);
}

#[test]
fn the_list_is_scanned_when_all_that_was_delivered_before_the_connect_is_covered() {
    let acks = PendingAcks::default();
    let ack = |ms| AckUpTo { up_to: id(ms), except: Runs::default(), by_checkpoint: true, ..AckUpTo::default() };
    assert_eq!(acks.to_scan(&ack(9)), None);
    acks.connected("own", id(5), true);
    assert_eq!(acks.to_scan(&ack(4)), None);
    assert_eq!(acks.to_scan(&ack(5)).as_deref(), Some("own"));
    acks.scanned(&ack(5));
    assert_eq!(acks.to_scan(&ack(9)), None);
    acks.connected("own", id(5), false);
    acks.scanned(&ack(5));
    assert!(acks.to_scan(&ack(9)).is_some());
}

#[test]
fn what_is_too_much_to_remember_is_looked_up_by_the_next_requests() {
    let acks = PendingAcks::default();
    let most = MOST_BYTES / size_of::<crate::stream::Run>() as u64;
    acks.connected("own", EntryId::ZERO, true);
    acks.scanned(&AckUpTo { up_to: id(1), except: Runs::default(), by_checkpoint: true, ..AckUpTo::default() });
    assert!(acks.add(&(1..=most).map(id).collect()));
    assert_eq!(acks.len(), most);
    assert!(!acks.add(&[id(most + 1)].into_iter().collect()), "said the first time");
    assert_eq!((acks.len(), acks.bytes()), (0, 0));
    assert!(acks.add(&(most + 2..2 * most + 5).map(id).collect()), "and not again");
    let ack = |up_to| AckUpTo { up_to: id(up_to), except: Runs::default(), by_checkpoint: false, ..AckUpTo::default() };
    assert!(acks.to_scan(&ack(3)).is_some());
    acks.scanned(&ack(3));
    assert!(acks.to_scan(&ack(2 * most + 4)).is_some(), "what is above is still to be looked up");
    acks.scanned(&ack(2 * most + 4));
    assert_eq!(acks.to_scan(&ack(2 * most + 4)), None);
}

#[test]
fn a_position_is_committed_without_a_count_when_there_was_too_much_to_count() {
    let acks = PendingAcks::default();
    let progress = |delivered| Progress {
        delivered,
        pending: 0,
        generated: delivered,
        first: None,
        max_deleted: None,
        entries_read: Some(0),
    };
    acks.connected_by_position(progress(EntryId::ZERO), EntryId::ZERO);
    let ack = AckUpTo { up_to: id(3), except: Runs::default(), by_checkpoint: true, ..AckUpTo::default() };
    acks.add_read(&(1..=5).map(id).collect());
    assert_eq!(acks.to_commit(&ack), Some((id(3), Some(3))));
    acks.add_read(&(6..MOST_BYTES / 24 + 9).map(id).collect());
    assert_eq!((acks.to_commit(&ack), acks.bytes()), (Some((id(3), None)), 0));
}

#[test]
fn requests_about_a_stream_that_was_recreated_since_are_outdated() {
    let acks = PendingAcks::default();
    let ack = |up_to| AckUpTo { up_to: id(up_to), except: Runs::default(), by_checkpoint: true, ..AckUpTo::default() };
    acks.add(&(100..=150).map(id).collect());
    acks.request(ack(120));
    let under_way = acks.requested.lock().clone().unwrap();
    acks.stream_is_recreated();
    acks.add(&(1..=20).map(id).collect());
    acks.request(ack(150));
    assert_eq!(*acks.requested.lock(), None);
    // Of the old one, too, however low it is.
    acks.request(ack(5));
    assert_eq!(*acks.requested.lock(), None);
    acks.java_knows_of_recreated();
    acks.request(ack(10));
    let new = AckUpTo { stream: 1, ..ack(10) };
    assert_eq!(*acks.requested.lock(), Some(new.clone()));
    assert_eq!(acks.to_send(&new, 99).len(), 10);
    assert_eq!(acks.to_send(&under_way, 99), []);
}

#[test]
fn the_list_is_scanned_once_more_when_the_split_is_finished() {
    let acks = PendingAcks::default();
    let ack = |ms| AckUpTo { up_to: id(ms), except: Runs::default(), by_checkpoint: true, ..AckUpTo::default() };
    acks.connected("own", id(5), true);
    acks.scanned(&ack(5));
    acks.finished(id(8));
    assert_eq!(acks.to_scan(&ack(7)), None);
    assert_eq!(acks.to_scan(&ack(8)).as_deref(), Some("own"));
    acks.scanned(&ack(8));
    assert_eq!(acks.to_scan(&ack(8)), None);
}
