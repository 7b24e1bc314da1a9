#!/bin/bash
# Local NVMe drives become one xfs file system at /mnt/nvme: RAID 0 where there are several. It is done once: after a
# restart, and with another boot volume, what is on the drives is found again.
set -euo pipefail
mount=/mnt/nvme
label=gpuyard-nvme

if mountpoint -q "$mount"; then
  exit 0
fi
command -v mdadm >/dev/null || dnf -y -q install mdadm
mdadm --assemble --scan || true
udevadm settle || true
device=$(blkid -L "$label" || true)
if [[ -z $device ]]; then
  drives=()
  while read -r name type; do
    # A drive with partitions, or with anything else on it, is somebody's.
    if [[ $type == disk && $name == /dev/nvme* && $(lsblk -nrpo NAME "$name" | wc -l) == 1 ]] \
      && ! blkid -p "$name" >/dev/null; then
      drives+=("$name")
    fi
  done < <(lsblk -dnrpo NAME,TYPE)
  case ${#drives[@]} in
    0)
      echo "no empty local drive" >&2
      exit 1
      ;;
    1) device=${drives[0]} ;;
    *)
      device=/dev/md/$label
      mdadm --create "$device" --run --homehost=any --level=0 --raid-devices="${#drives[@]}" "${drives[@]}"
      ;;
  esac
  mkfs.xfs -q -L "$label" "$device"
  udevadm settle || true
fi
mkdir -p "$mount"
line="LABEL=$label $mount xfs defaults,noatime,nofail 0 2"
grep -qxF "$line" /etc/fstab || echo "$line" >>/etc/fstab
mount "$mount"
