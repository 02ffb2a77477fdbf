"""Sends UDP frames of 1514 bytes in trains, as TCP does: one large datagram, which the kernel cuts (GSO).

    trains.py ADDRESS GBPS SECONDS

A frame put in alone costs the receiving kernel a wake-up of its own; of 44 in a train only the first
does. Paced by the clock, without feedback: what the receiver cannot take is lost there.
"""
import socket
import sys
import time

UDP_SEGMENT = 103  # <linux/udp.h>
PAYLOAD, SEGMENTS = 1472, 44
FRAME_BITS = 1514 * 8


def main():
    address, gbps, seconds = sys.argv[1], float(sys.argv[2]), float(sys.argv[3])
    out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    out.setsockopt(socket.SOL_UDP, UDP_SEGMENT, PAYLOAD)
    out.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 << 20)
    out.connect((address, 9))
    train = bytes(PAYLOAD * SEGMENTS)
    interval = SEGMENTS * FRAME_BITS / (gbps * 1e9)
    due = time.monotonic()
    end = due + seconds
    while due < end:
        while time.monotonic() < due:
            pass
        out.send(train)
        due = max(due + interval, time.monotonic() - 0.01)


main()
