"""Local drives of bare-metal nodes: the script that a node runs at its first start, with programs that only pretend."""

import base64
import os
import subprocess
from pathlib import Path

import pytest

from gpuyard.bootstrap.parts.nodestart import user_data
from gpuyard.catalogue.shapes import catalogue
from gpuyard.project.load import parse
from tests.ociresources import wanted
from tests.projects import sources

# Drives are files in $S/drives with what they hold; $S/label has the device with our label, $S/mounted what is mounted.
FAKES = {
    "mountpoint": 'grep -qx "$2" $S/mounted',
    "mdadm": """case $1 in
  --assemble) if [[ -e $S/raid ]]; then cp $S/raid $S/label; else exit 1; fi ;;
  --create) echo "$2" >$S/raid; for each in "${@:7}"; do echo linux_raid_member >$S/drives/$(basename $each); done ;;
esac""",
    "udevadm": "true",
    "blkid": """case $1 in
  -L) cat $S/label 2>/dev/null || exit 2 ;;
  -p) grep -q . $S/drives/$(basename $2) || exit 2 ;;
esac""",
    "lsblk": """if [[ $1 == -dnrpo ]]; then
  for each in $S/drives/*; do echo "/dev/$(basename $each) disk"; done
else echo $3; [[ $(cat $S/drives/$(basename $3)) != partitions ]] || echo $3p1; fi""",
    "mkfs.xfs": '[[ ! -e $S/broken ]] || exit 1; echo "$4" >$S/label',
    "mount": "echo $1 >>$S/mounted",
    "dnf": "exit 1",
    "curl": 'echo "echo joined >>$S/joined" | base64',
}


class Node:
    """A machine with drives, of which every program but bash's own is pretended."""

    def __init__(self, folder: Path, **drives: str) -> None:
        self.state, self.bin = folder / "state", folder / "bin"
        for each in (self.state / "drives", self.bin, folder / "libexec", folder / "run", folder / "etc"):
            each.mkdir(parents=True)
        for name, content in drives.items():
            (self.state / "drives" / name).write_text(content)
        for name, text in FAKES.items():
            program = self.bin / name
            program.write_text(f'#!/bin/bash\necho "{name} $*" >>$S/calls\n{text}\n')
            program.chmod(0o755)
        for file in (
            self.state / "mounted",
            self.state / "joined",
            folder / "etc" / "fstab",
            folder / "libexec" / "oci-growfs",
        ):
            file.touch()
        self.folder = folder

    def start(self) -> list[str]:
        """What was called; a restart has lost its mounts and its RAID until they are found again."""
        for name in ("calls", "label"):
            (self.state / name).unlink(missing_ok=True)
        (self.state / "calls").touch()
        (self.state / "mounted").write_text("")
        return self.run()

    def run(self) -> list[str]:
        text = base64.b64decode(user_data(nvme=True)).decode()
        for old, new in (
            ("/var/run", "run"),
            ("/usr/libexec", "libexec"),
            ("/etc/fstab", "etc/fstab"),
            ("/mnt/nvme", "mnt"),
        ):
            text = text.replace(old, str(self.folder / new))
        environment = {**os.environ, "S": str(self.state), "PATH": f"{self.bin}:{os.environ['PATH']}"}
        (self.state / "calls").write_text("")
        subprocess.run(["bash"], input=text, text=True, env=environment, check=True, capture_output=True, timeout=60)
        return (self.state / "calls").read_text().splitlines()

    def has(self, name: str) -> list[str]:
        return (self.state / name).read_text().splitlines()


def names(calls: list[str]) -> set[str]:
    return {each.partition(" ")[0] for each in calls}


def test_several_drives_become_one_file_system(tmp_path: Path) -> None:
    node = Node(tmp_path, sda="boot", nvme0n1="", nvme1n1="", nvme2n1="", nvme3n1="")
    calls = node.start()
    (raid,) = [each for each in calls if each.startswith("mdadm --create")]
    drives = " ".join(f"/dev/nvme{number}n1" for number in range(4))
    assert raid == f"mdadm --create /dev/md/gpuyard-nvme --run --homehost=any --level=0 --raid-devices=4 {drives}"
    assert "mkfs.xfs -q -L gpuyard-nvme /dev/md/gpuyard-nvme" in calls
    mount = str(tmp_path / "mnt")
    assert node.has("mounted") == [mount]
    assert (tmp_path / "etc" / "fstab").read_text() == f"LABEL=gpuyard-nvme {mount} xfs defaults,noatime,nofail 0 2\n"
    assert node.has("joined") == ["joined"]


def test_twice_is_once(tmp_path: Path) -> None:
    node = Node(tmp_path, nvme0n1="", nvme1n1="")
    node.start()
    assert not names(node.run()) & {"mkfs.xfs", "mount", "mdadm", "lsblk"}
    assert len((tmp_path / "etc" / "fstab").read_text().splitlines()) == 1


def test_after_a_restart_what_is_there_is_found_again(tmp_path: Path) -> None:
    node = Node(tmp_path, nvme0n1="", nvme1n1="")
    node.start()
    (tmp_path / "etc" / "fstab").write_text("")  # another boot volume
    calls = node.start()
    assert "mkfs.xfs" not in names(calls)
    assert not [each for each in calls if each.startswith("mdadm --create")]
    assert node.has("mounted") == [str(tmp_path / "mnt")]
    assert len((tmp_path / "etc" / "fstab").read_text().splitlines()) == 1


def test_one_drive_needs_no_raid(tmp_path: Path) -> None:
    calls = Node(tmp_path, nvme0n1="").start()
    assert "mkfs.xfs -q -L gpuyard-nvme /dev/nvme0n1" in calls
    assert not [each for each in calls if each.startswith("mdadm --create")]


def test_what_holds_something_is_not_touched(tmp_path: Path) -> None:
    calls = Node(tmp_path, sda="", nvme0n1="partitions", nvme1n1="ext4", nvme2n1="", nvme3n1="").start()
    (raid,) = [each for each in calls if each.startswith("mdadm --create")]
    assert raid.endswith("--raid-devices=2 /dev/nvme2n1 /dev/nvme3n1")


@pytest.mark.parametrize("fault", ["no empty drive", "mkfs fails"])
def test_where_it_fails_the_node_joins_and_nothing_is_mounted(tmp_path: Path, fault: str) -> None:
    node = Node(tmp_path, nvme0n1="" if fault == "mkfs fails" else "ext4")
    if fault == "mkfs fails":
        (node.state / "broken").touch()
    node.start()
    assert (node.has("joined"), node.has("mounted")) == (["joined"], [])
    assert (tmp_path / "etc" / "fstab").read_text() == ""


@pytest.mark.parametrize(
    ("shape", "name"), [(shape.name, name) for shape in catalogue().values() for name in shape.nodes]
)
def test_only_nodes_with_local_drives_have_them_set_up(shape: str, name: str) -> None:
    cluster = {"name": "phx", "region": "us-phoenix-1", "shapes": {shape: name}}
    spec = {"shapes": {shape: {}}, "model": {"name": "llama-3.1-8b-instruct"}}
    found = wanted(parse(sources(spec, {"oci": {"compartment": "gpu"}, "clusters": [cluster]})))
    body = found[f"phx/pool-{name}-ad1"].body
    script = base64.b64decode(body["nodeMetadata"]["user_data"]).decode()
    labels = {each["key"] for each in body["initialNodeLabels"]}
    drives = name.startswith("BM.")
    assert ("mdadm" in script, "gpuyard.dev/local-nvme" in labels) == (drives, drives)
    assert len(body["nodeMetadata"]["user_data"]) < 16_000
    system = base64.b64decode(found["phx/pool-system"].body["nodeMetadata"]["user_data"]).decode()
    assert "mdadm" not in system
