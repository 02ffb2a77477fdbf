"""Closing: by the peer, by the stack, by both, and what comes afterwards."""
from scapy.layers.inet import TCP

from cases import case
from lab import check, equal
from wire import RTMP, Connection, minus, payload, plus


def last_ack(peer, **options):
    """We closed, the stack as well; its FIN is not yet acknowledged."""
    conn = peer.open(**options)
    conn.write(b"", flags="AF")
    frame = conn.expect("FIN of the stack", wanted=lambda t: "F" in str(t.flags))
    equal("acknowledgement of our FIN", frame[TCP].ack, conn.snd_nxt)
    equal("sequence number of the FIN", frame[TCP].seq, conn.rcv_nxt)
    conn.rcv_nxt = plus(conn.rcv_nxt, 1)
    return conn


def refused(peer, **options):
    """The stack closed first; its FIN is not yet acknowledged."""
    conn = peer.open(port=RTMP, **options)
    conn.have_refused()
    return conn


@case("RFC 9293 3.6, figure 12")
def by_peer(peer):
    conn = last_ack(peer)
    conn.send()
    conn.gone("after both closed")


@case("RFC 9293 3.10.7.4, eighth, LAST-ACK")
def fin_again(peer):
    """Our FIN once more: acknowledged once more."""
    conn = last_ack(peer)
    conn.send("AF", seq=plus(conn.snd_nxt, -1), ack=plus(conn.rcv_nxt, -1))
    conn.expect("ACK of a second FIN", wanted=lambda t: t.ack == conn.snd_nxt)
    conn.send()
    conn.gone("after both closed")


@case("RFC 6298 5; RFC 9293 3.4 (a FIN is sent again)")
def fin_retransmission(peer):
    conn = last_ack(peer)
    again = conn.expect("second FIN", wanted=lambda t: "F" in str(t.flags))
    equal("sequence number", again[TCP].seq, plus(conn.rcv_nxt, -1))
    conn.send()
    conn.gone("after both closed")


@case("RFC 9293 3.10.7.4, first, LAST-ACK")
def last_ack_unacceptable(peer):
    conn = last_ack(peer)
    conn.send("A", b"x", seq=plus(conn.snd_nxt, -100), ack=plus(conn.rcv_nxt, -1))
    conn.expect("ACK of an old segment", wanted=lambda t: t.ack == conn.snd_nxt)
    conn.send("A", b"x", seq=plus(conn.snd_nxt, 1 << 24), ack=plus(conn.rcv_nxt, -1))
    conn.expect("ACK of what is beyond the window", wanted=lambda t: t.ack == conn.snd_nxt)
    conn.send()
    conn.gone("after both closed")


@case("RFC 5961 5.2, LAST-ACK")
def last_ack_of_unsent(peer):
    """An acknowledgement of what was not sent does not end it."""
    conn = last_ack(peer)
    conn.send("A", ack=plus(conn.rcv_nxt, 1000))
    conn.expect("ACK", wanted=lambda t: t.ack == conn.snd_nxt and "R" not in str(t.flags))
    conn.send()
    conn.gone("after both closed")


@case("RFC 9293 3.10.7.4, second, LAST-ACK")
def last_ack_reset(peer):
    conn = last_ack(peer)
    conn.send("R")
    conn.gone("after a RST in LAST-ACK")


@case("RFC 9293 3.10.7.4, seventh (data after a FIN)")
def data_after_fin(peer):
    """There is no such data: what comes behind the FIN does not move the acknowledgement."""
    conn = last_ack(peer)
    conn.send("A", b"beyond", ack=plus(conn.rcv_nxt, -1))
    frames = [f[TCP] for f in peer.answers() if f[TCP].dport == conn.sport]
    check(all(minus(t.ack, conn.snd_nxt) <= 0 for t in frames), "data beyond the FIN are acknowledged")
    conn.send()


@case("RFC 9293 3.6, figure 12, the other way")
def by_stack(peer):
    """FIN-WAIT-1, FIN-WAIT-2, TIME-WAIT."""
    conn = refused(peer)
    conn.send()
    conn.write(b"", flags="AF")
    conn.expect("ACK of our FIN", "A", ack=conn.snd_nxt, seq=conn.rcv_nxt)


@case("RFC 9293 3.10.7.4, eighth, TIME-WAIT")
def time_wait_fin(peer):
    conn = refused(peer)
    conn.send()
    conn.write(b"", flags="AF")
    conn.expect("ACK of our FIN", "A", ack=conn.snd_nxt)
    conn.send("AF", seq=plus(conn.snd_nxt, -1))
    conn.expect("ACK of the second FIN", "A", ack=conn.snd_nxt)


@case("RFC 9293 3.6, figure 13")
def simultaneous(peer):
    """Both FINs cross: CLOSING, then TIME-WAIT."""
    conn = refused(peer)
    conn.write(b"", flags="AF", ack=plus(conn.rcv_nxt, -1))
    conn.expect("ACK of our FIN", wanted=lambda t: t.ack == conn.snd_nxt)
    conn.send()
    conn.send("AF", seq=plus(conn.snd_nxt, -1))
    conn.expect("ACK of a FIN in TIME-WAIT", wanted=lambda t: t.ack == conn.snd_nxt)


@case("RFC 9293 3.6; RFC 1122 4.2.2.13")
def data_in_fin_wait(peer):
    """Data for somebody who has gone: acknowledged and lost, or reset; not left unanswered."""
    conn = refused(peer)
    conn.send()
    conn.write(b"late")
    conn.expect("answer to data", wanted=lambda t: "R" in str(t.flags) or t.ack == conn.snd_nxt)


@case("RFC 9293 3.10.7.4, second, FIN-WAIT-2")
def fin_wait_reset(peer):
    conn = refused(peer)
    conn.send()
    conn.send("R")
    conn.gone("after a RST in FIN-WAIT-2")


@case("RFC 5961 3.2, FIN-WAIT-2")
def fin_wait_blind_reset(peer):
    conn = refused(peer)
    conn.send()
    conn.send("R", seq=plus(conn.snd_nxt, 100))
    conn.expect("challenge ACK", "A", ack=conn.snd_nxt, seq=conn.rcv_nxt)


@case("RFC 9293 3.10.7.4, fourth, TIME-WAIT; RFC 6191")
def time_wait_new_syn(peer):
    """A new SYN that is newer opens; a blind one in between does not."""
    conn = refused(peer, timestamps=True)
    conn.send()
    conn.write(b"", flags="AF")
    conn.expect("ACK of our FIN", "A", ack=conn.snd_nxt)
    again = Connection(peer, port=RTMP, iss=plus(conn.snd_nxt, 100000))
    again.sport = conn.sport
    again.tsval = conn.tsval + 1000
    again.open(timestamps=True)
    check(minus(again.synack.seq, conn.rcv_nxt) > 0, "the new ISS is not beyond the old numbers")
    conn.over = True
    again.write(b"\x03" + bytes(1000))
    again.expect_ack()


@case("RFC 9293 3.10.7.4, first, TIME-WAIT")
def time_wait_old_data(peer):
    conn = refused(peer)
    conn.send()
    conn.write(b"", flags="AF")
    conn.expect("ACK of our FIN", "A", ack=conn.snd_nxt)
    conn.send("PA", b"old", seq=plus(conn.snd_nxt, -1000))
    conn.expect("ACK of old data", "A", ack=conn.snd_nxt)


@case("RFC 9293 3.10.7.4 (what was queued is sent before the FIN)")
def fin_after_data(peer):
    conn = peer.open(port=RTMP)
    frame = conn.have_refused()
    check(minus(frame[TCP].seq, conn.synack.seq) > 3073, "the FIN came before the answer")
    equal("payload in front of the FIN is counted",
          plus(frame[TCP].seq, len(payload(frame[TCP])) + 1), conn.rcv_nxt)
