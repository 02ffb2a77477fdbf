"""Path MTU: a narrow link behind a router, which says so, or whose words are lost."""
from lab import check, equal
from routed import NEAR, Routed, plain

SIZE = 600_001
NARROW = 1400
LEAST = 1280  # what is tried where nobody says anything: IPv6 promises it


def open_path(lab):
    """af_packet takes near0 over; its other end is the router's."""
    lab.near = lab.make_netns("near")
    lab.join("router0", "near0", lab.near)
    lab.address_router("router0")
    lab.ip("link", "set", "hop0", "mtu", str(NARROW))
    return "net_af_packet0,iface=near0,qpairs=1,framesz=2048,blocksz=4096,framecnt=512"


def silence(lab, family):
    """What the router itself says of ICMP finds no way to the sender."""
    protocol = "icmp" if family == 4 else "ipv6-icmp"
    lab.ip(f"-{family}", "rule", "add", "ipproto", protocol, "to", plain(NEAR[family]), "pref", "1",
           "blackhole")


def narrow(context, family):
    with Routed(context.build, f"pmtu{family}") as lab:
        device = open_path(lab)
        with lab.capture() as sizes:
            sent = lab.send(device, family, SIZE, netns=lab.near)
        said = "IcmpOutDestUnreachs" if family == 4 else "Icmp6OutPktTooBigs"
        check(lab.kernel_counter(said, lab.netns) > 0, "the router said nothing")
        equal("connections that learned", sent["pmtu_lowered"], 2)
        equal("guesses", sent["pmtu_black_holes"], 0)
        equal("the longest packet", max(sizes), NARROW)
        # It is not found by trying less and less.
        check(sizes[NARROW] > 0.9 * 2 * SIZE / NARROW, f"sizes of packets: {sizes}")


def black_hole(context, family):
    with Routed(context.build, f"hole{family}") as lab:
        device = open_path(lab)
        silence(lab, family)
        with lab.capture() as sizes:
            sent = lab.send(device, family, SIZE, netns=lab.near)
        said = "IcmpOutDestUnreachs" if family == 4 else "Icmp6OutPktTooBigs"
        equal("words that got through", sent["pmtu_lowered"], 0)
        equal(said, lab.kernel_counter(said, lab.netns), 0)
        equal("connections that found out", sent["pmtu_black_holes"], 2)
        equal("the longest packet", max(sizes), LEAST)


def test_router_says_v4(context):
    narrow(context, 4)


def test_router_says_v6(context):
    narrow(context, 6)


def test_black_hole_v4(context):
    black_hole(context, 4)


def test_black_hole_v6(context):
    black_hole(context, 6)
