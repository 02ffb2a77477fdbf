#!/usr/bin/env python3
"""A switch port: tagger.py ACCESS TRUNK VLAN. Frames of ACCESS leave TRUNK with the tag, those that
come from TRUNK with that tag leave ACCESS without. (Not every kernel has VLAN sub-interfaces.)"""
import select
import socket
import struct
import sys

ETH_P_ALL = 3
ETH_P_8021Q = 0x8100
SOL_PACKET = 263
PACKET_AUXDATA = 8
PACKET_OUTGOING = 4
TP_STATUS_VLAN_VALID = 1 << 4
AUXDATA = struct.Struct("=IIIHHHH")  # struct tpacket_auxdata


def open_port(name):
    port = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    port.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    port.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
    port.bind((name, 0))
    return port


def receive(port):
    """A frame and its tag, which the kernel has taken off; None for what went out here."""
    frame, control, _, address = port.recvmsg(65536, 128)
    if address[2] == PACKET_OUTGOING:
        return None, None
    for level, kind, data in control:
        if level == SOL_PACKET and kind == PACKET_AUXDATA:
            status, _, _, _, _, tci, _ = AUXDATA.unpack(data[:AUXDATA.size])
            if status & TP_STATUS_VLAN_VALID:
                return frame, tci & 0xfff
    return frame, None


def main(access_name, trunk_name, vlan):
    access, trunk = open_port(access_name), open_port(trunk_name)
    tag = struct.pack("!HH", ETH_P_8021Q, vlan)
    while True:
        for port in select.select([access, trunk], [], [])[0]:
            frame, got = receive(port)
            try:
                if frame is not None and port is access:
                    trunk.send(frame[:12] + tag + frame[12:])
                elif frame is not None and got == vlan:
                    access.send(frame)
            except OSError:
                pass  # a full queue, or an interface that is down: as a switch, drop it


main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
