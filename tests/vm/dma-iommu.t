#!/bin/bash
# SPDX-License-Identifier: MIT
# Strict DMA on a machine with an IOMMU, of the kind that claims whatever is on PCI: all of dma.t once more.
# Try: tests/vm/run dma-iommu
# kernels: 6.12
# own-boot
# qemu: -device amd-iommu
# timeout: 200
# shellcheck disable=SC2034 # dma.t looks at it
want_iommu=1
. tests/vm/dma.t
