"""Segmentation by the port: a virtio port carries large packets, and a kernel cuts them."""
from lab import check, equal, wait_for
from routed import Routed, figures

SIZE = 4_000_003


def start_hypervisor(lab):
    path = lab.dir / "vhost.sock"
    hypervisor = lab.spawn("vhost-tap", [lab.tool("vhost-tap"), path, "guest0"])
    lab.wait_for(hypervisor, "vhost-tap to be ready", lambda: "ready" in hypervisor.log.read_text())
    lab.ip("link", "set", "guest0", "up")
    lab.address_router("guest0")
    return hypervisor, f"net_virtio_user0,path={path},queues=1"


def carry(lab, family):
    hypervisor, device = start_hypervisor(lab)
    with lab.capture() as sizes:
        sent = lab.send(device, family, SIZE)
    wait_for("the end of the guest", lambda: hypervisor.stop() == 0)
    bridge = figures(hypervisor)
    equal("refused by the kernel", bridge["refused"], 0)
    check(sent["large"] > 0 and bridge["large"] == sent["large"], f"{sent} {bridge}")
    check(bridge["longest"] > 16000, f"the longest frame had {bridge['longest']} bytes")
    check(sent["segments"] > 5 * bridge["to_kernel"], f"{sent} {bridge}")
    # Whoever cuts heeds the size that it is told, and the far kernel finds nothing wrong.
    equal("the longest segment", max(sizes), 1500)
    check(sizes[1500] > 0.9 * 2 * SIZE / 1448, f"sizes of packets: {sizes}")
    for name in ("TcpInCsumErrors", "TcpInErrs", "IpInHdrErrors"):
        equal(name, lab.kernel_counter(name), 0)
    return bridge


def test_virtio_v4(context):
    with Routed(context.build, "tso4") as lab:
        carry(lab, 4)


def test_virtio_v6(context):
    with Routed(context.build, "tso6") as lab:
        carry(lab, 6)
