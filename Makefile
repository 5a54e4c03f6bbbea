# SPDX-License-Identifier: GPL-2.0-only
# Compose, build, boot, judge; `make help` says how.

BUILD ?= build
JOBS ?= $(shell nproc)
export JOBS DRY_RUN TEST TIMEOUT KVM MEMORY IOMMU MINUTES SEED REPLAY

# CONFIG=debian and debian-rt are tests on a kernel of the distribution's configuration.
PACKAGED_debian := none_cloud-amd64
PACKAGED_debian-rt := rt_amd64
PACKAGED := $(PACKAGED_$(CONFIG))
ifneq ($(PACKAGED),)
export PACKAGED
endif
# The latter has a tree of its own, with the patches of PREEMPT_RT.
ifeq ($(CONFIG),debian-rt)
override BUILD := $(BUILD)/rt
export REALTIME := 1
endif

# The tree is one, the rest is apart for each architecture of the guest. $(call arch,NAME) is
# what its file in harness/arch has by that name.
ARCH ?= x86
$(if $(wildcard harness/arch/$(ARCH).sh),,$(error no architecture is called $(ARCH)))
# PAGES=64k is a kernel whose pages are of that size, for an architecture that has a choice.
PAGES_CONFIG := $(if $(PAGES),harness/config/$(ARCH)-$(PAGES).config)
$(if $(PAGES_CONFIG),$(if $(wildcard $(PAGES_CONFIG)),,$(error $(ARCH) has no pages of $(PAGES) here)))
TREE := $(BUILD)
LINUX := $(TREE)/linux
arch = $(shell bash -c '. harness/arch/$(ARCH).sh && echo "$$$(1)"')
ifneq ($(ARCH),x86)
override BUILD := $(TREE)/$(ARCH)$(PAGES:%=-%)
export ARCH
export BUSYBOX := $(TREE)/$(ARCH)/busybox
$(foreach variable,$(call arch,kbuild),$(eval export $(variable)))
endif

# KCSAN=1 and KMSAN=1 are tests on a kernel that looks for one thing only.
SANITIZER := $(if $(filter 1,$(KCSAN)),kcsan)$(if $(filter 1,$(KMSAN)),kmsan)
ifneq ($(SANITIZER),)
override BUILD := $(BUILD)/$(SANITIZER)
export TESTS_LIST := $(SANITIZER).list
endif
ifeq ($(SANITIZER),kmsan)
export LLVM ?= -14
# Beside each byte there are eight that tell what is known of it.
export MEMORY ?= 6G
endif

BASE := harness/config/base.config
RUN_CONFIG ?= $(BASE) harness/config/builtin.config $(call arch,config) $(PAGES_CONFIG)
TESTS_CONFIG := $(BASE) harness/config/tests.config harness/config/modules.config
DEBUG_CONFIG ?= $(TESTS_CONFIG) harness/config/$(or $(SANITIZER),debug).config $(call arch,config) $(PAGES_CONFIG)
CONTAINER_CONFIG ?= $(DEBUG_CONFIG) harness/config/container.config
COVERAGE_CONFIG ?= $(TESTS_CONFIG) harness/config/coverage.config
FUZZ_CONFIG ?= $(DEBUG_CONFIG) harness/config/fuzz.config
DISTRIBUTION_CONFIG := harness/config/distribution.config $(filter-out $(BASE),$(TESTS_CONFIG))
# The kernels of tests have modules.
TEST_KERNELS := kernel-debug kernel-container kernel-coverage kernel-fuzz kernel-debian kernel-debian-container
kernel-debug_CONFIG = $(DEBUG_CONFIG)
kernel-container_CONFIG = $(CONTAINER_CONFIG)
kernel-coverage_CONFIG = $(COVERAGE_CONFIG)
kernel-fuzz_CONFIG = $(FUZZ_CONFIG)
kernel-debian_CONFIG = $(DISTRIBUTION_CONFIG)
kernel-debian-container_CONFIG = $(DISTRIBUTION_CONFIG) harness/config/container.config
# The files that are counted; the kernel's Makefiles expand this for each object.
COUNTED := $$(filter drivers/iommu/iommufd/%.o mm/file_pin.o \
	$(patsubst %,drivers/vfio/%.o,bare device_cdev device_file device_kvm emulated group_iommufd iommufd \
	physical),$$(obj)/$$(basetarget).o)
kernel-coverage_FLAGS = GCOV_PROFILE='$(COUNTED)'
kernel-fuzz_FLAGS = KCOV_INSTRUMENT='$(COUNTED)'
# Races in the rest of the kernel are not ours to mend; each object is looked at or not.
kernel-debug_FLAGS = $(if $(filter kcsan,$(SANITIZER)),KCSAN_SANITIZE='$$(if \
	$$(filter drivers/iommu/iommufd/% drivers/vfio/% mm/file_pin.o,$$(obj)/$$(basetarget).o),y,n)')
IMAGE := $(call arch,image)
RUN_KERNEL := $(if $(PACKAGED),kernel-debian,kernel)
TEST_KERNEL := $(if $(PACKAGED),kernel-debian,kernel-debug)
NODE_KERNEL := $(if $(PACKAGED),kernel-debian-container,kernel-container)
KERNEL_COVERAGE := $(BUILD)/kernel-coverage/$(IMAGE)

help:
	@echo 'make run            build what changed, boot it, let a program drive a device by DMA'
	@echo 'make test           build what changed with all checkers on, run the tests'
	@echo 'make test TEST=x    only the programs whose name begins with x; x:y one test y of one program x'
	@echo 'make test CONFIG=debian  the tests on a kernel of the distribution, debian-rt on one with'
	@echo '                    PREEMPT_RT'
	@echo 'make test KCSAN=1   those in which calls meet, on a kernel that finds data races; KMSAN=1 those'
	@echo '                    that copy to a program, on one that finds memory nobody wrote'
	@echo 'make coverage       the same tests, and which lines of ours they reached'
	@echo 'make fuzz MINUTES=n  calls made by chance, guided by what they reach in the kernel'
	@echo 'make fuzz REPLAY=f  the programs of file f, as those that found something'
	@echo 'make vmm            QEMU in the guest passes devices to a guest of its own (VARIANT=x)'
	@echo 'make bench          what mappings cost, beside other kernels, in $(BUILD)/bench (BENCH=row)'
	@echo 'make shell          a console in the guest of make run'
	@echo
	@echo 'make tree           the composed source, in $(LINUX)'
	@echo 'make kernel         the kernel of make run, in $(BUILD)/kernel'
	@echo 'make kernel-debug   the kernel of make test, in $(BUILD)/kernel-debug'
	@echo 'make kernel-container  the other kernel of make test, in $(BUILD)/kernel-container'
	@echo 'make kernel-coverage  the kernel of make coverage, in $(BUILD)/kernel-coverage'
	@echo 'make programs       the test and sample programs, in $(BUILD)/programs'
	@echo 'make kernel-fuzz    the kernel of make fuzz, in $(BUILD)/kernel-fuzz'
	@echo 'make series         the patches for mail, in $(BUILD)/series'
	@echo 'make bisect         build and boot each of them with IOMMUFD=n, m and y'
	@echo 'make quilt          the same for debian/patches, in $(BUILD)/quilt'
	@echo 'make deb CONFIG=f   kernel packages with configuration f or the running one, in $(BUILD)/deb;'
	@echo '                    CONFIG=small for a quick one'
	@echo 'make check          checkers and compilers; what they find in our files, in $(BUILD)/check'
	@echo 'make cross          compile for arm64, arm, i386 and s390'
	@echo 'make unchanged      compare drivers/vfio without iommufd with the kernel as packaged'
	@echo 'make docs           the documentation as HTML, in $(BUILD)/docs'
	@echo 'make clean          remove $(BUILD)'
	@echo
	@echo 'DRY_RUN=1 prints the QEMU command of run, test, vmm or shell. TIMEOUT=seconds limits'
	@echo 'the guest, JOBS=n the compilers, KVM=1 uses KVM in place of emulation. IOMMU=intel,'
	@echo 'amd or virtio is what the devices of the guest are behind. ARCH=arm64 is for run, test'
	@echo 'and shell, in $(TREE)/arm64, with IOMMU=smmuv3, virtio, v2m, incoherent or none. PAGES=64k'
	@echo 'gives that kernel pages of 64 KiB.'

tree: $(TREE)/linux.stamp
kernel: $(BUILD)/kernel.stamp
kernel-debug: $(BUILD)/kernel-debug.stamp
kernel-container: $(BUILD)/kernel-container.stamp
kernel-coverage: $(BUILD)/kernel-coverage.stamp
kernel-fuzz: $(BUILD)/kernel-fuzz.stamp
ifneq ($(PACKAGED),)
kernel-debian: $(BUILD)/kernel-debian.stamp
kernel-debian-container: $(BUILD)/kernel-debian-container.stamp
endif

setup:
	@harness/setup.sh
	$(if $(call arch,packages),@harness/setup.sh $(call arch,packages))
	$(if $(PACKAGED),@harness/setup.sh packages-debian.txt)

# The stamps are new only when something changed, so this may run every time.
$(TREE)/linux.stamp: setup
	@harness/compose.sh $(TREE)

$(TREE)/kconfig.stamp: $(TREE)/linux.stamp
	@:

$(BUILD)/kernel/.config: $(TREE)/kconfig.stamp harness/config.sh $(RUN_CONFIG)
	@echo 'kernel: configuring'
	@harness/config.sh $(LINUX) $(BUILD)/kernel $(RUN_CONFIG)

.SECONDEXPANSION:
$(TEST_KERNELS:%=$(BUILD)/%/.config): $(BUILD)/%/.config: $(TREE)/kconfig.stamp harness/config.sh $$($$*_CONFIG)
	@echo '$*: configuring'
	@harness/config.sh $(LINUX) $(BUILD)/$* $($*_CONFIG)

# Nearly all of its objects are those of the other kernel: it begins as a copy.
$(BUILD)/$(NODE_KERNEL)/.config: | $(BUILD)/$(NODE_KERNEL)/Makefile
$(BUILD)/$(NODE_KERNEL)/Makefile: | $(BUILD)/$(TEST_KERNEL).stamp
	@harness/copy_objects.sh $(BUILD)/$(TEST_KERNEL) $(@D)

# A stamp bears the time at which the build began: what changes meanwhile is built next.
$(BUILD)/kernel.stamp: $(BUILD)/kernel/.config $(TREE)/linux.stamp
	@touch $@.begun
	@harness/kernel.sh kernel $(LINUX) $(BUILD)/kernel $(call arch,target)
	@mv $@.begun $@

$(TEST_KERNELS:%=$(BUILD)/%.stamp): $(BUILD)/%.stamp: $(BUILD)/%/.config $(TREE)/linux.stamp
	@touch $@.begun
	@harness/kernel.sh $* $(LINUX) $(BUILD)/$* $($*_FLAGS) $(call arch,target) modules
	@rm -rf $(BUILD)/$*.modules
	@harness/kernel.sh $*.modules $(LINUX) $(BUILD)/$* modules_install \
		INSTALL_MOD_PATH=$(abspath $(BUILD)/$*.modules) INSTALL_MOD_STRIP=1 DEPMOD=/sbin/depmod
	@mv $@.begun $@

$(BUILD)/headers.stamp: $(TREE)/linux.stamp
	@mkdir -p $(BUILD)/headers
	@touch $@.begun
	@harness/kernel.sh headers $(LINUX) $(BUILD)/headers headers
	@mv $@.begun $@

programs: $(BUILD)/headers.stamp
	@$(MAKE) -s -j$(JOBS) --no-print-directory -f harness/programs.mk LINUX=$(LINUX) \
		HEADERS=$(BUILD)/headers/usr/include OUT=$(BUILD)/programs $(call arch,program_options)

$(TREE)/$(ARCH)/busybox:
	@harness/busybox.sh $(ARCH) $@

mainline: programs
	@harness/mainline.sh $(LINUX) $(BUILD)/headers/usr/include $(BUILD)/mainline $(BUILD)/programs

# The tests of NODE_KERNEL have names that begin so; the others need it not.
WITH_NODE := $(if $(filter x86,$(ARCH)$(SANITIZER)),$(if $(filter-out node%,$(TEST)),,1))
WITH_MAINLINE := $(if $(filter x86,$(ARCH)$(SANITIZER)),mainline)

# A dry run needs nothing built.
ifneq ($(DRY_RUN),1)
run shell: $(RUN_KERNEL) programs $(BUSYBOX)
test: $(TEST_KERNEL) $(if $(WITH_NODE),$(NODE_KERNEL)) programs $(WITH_MAINLINE) $(BUSYBOX)
coverage: kernel-coverage programs mainline
fuzz: kernel-fuzz programs
endif

RUN_OUT := $(BUILD)/run$(if $(PACKAGED),-debian)
run shell:
	@[ '$(DRY_RUN)' = 1 ] || harness/initramfs.sh $(RUN_OUT)/initramfs.cpio $(BUILD)/programs \
		$(if $(PACKAGED),$(BUILD)/$(RUN_KERNEL).modules)
	@$(if $(filter shell,$@),SHELL_GUEST=1 harness/boot.sh,harness/run.sh) $(RUN_OUT) $(BUILD)/$(RUN_KERNEL)/$(IMAGE) \
		$(RUN_OUT)/initramfs.cpio $(if $(filter shell,$@),MODE=shell)

TEST_OUT := $(BUILD)/test$(if $(PACKAGED),-debian)
test:
	@[ '$(DRY_RUN)' = 1 ] || harness/initramfs.sh $(TEST_OUT)/initramfs.cpio $(BUILD)/programs $(BUILD)/$(TEST_KERNEL).modules
	$(if $(WITH_NODE),@[ '$(DRY_RUN)' = 1 ] || harness/initramfs.sh $(TEST_OUT)/node.cpio $(BUILD)/programs \
		$(BUILD)/$(NODE_KERNEL).modules)
	@harness/test.sh $(TEST_OUT) $(BUILD)/$(TEST_KERNEL)/$(IMAGE) $(TEST_OUT)/initramfs.cpio $(BUILD)/programs \
		$(if $(WITH_NODE),$(BUILD)/$(NODE_KERNEL)/$(IMAGE) $(TEST_OUT)/node.cpio)

coverage:
	@[ '$(DRY_RUN)' = 1 ] || harness/initramfs.sh $(BUILD)/coverage/initramfs.cpio $(BUILD)/programs \
		$(BUILD)/kernel-coverage.modules
	@harness/coverage.sh $(BUILD)/kernel-coverage $(LINUX) $(BUILD)/coverage $(KERNEL_COVERAGE) \
		$(BUILD)/coverage/initramfs.cpio $(BUILD)/programs

fuzz:
	@[ '$(DRY_RUN)' = 1 ] || harness/initramfs.sh $(BUILD)/fuzz/initramfs.cpio $(BUILD)/programs \
		$(BUILD)/kernel-fuzz.modules
	@harness/fuzz.sh $(BUILD)/fuzz $(BUILD)/kernel-fuzz/$(IMAGE) $(BUILD)/fuzz/initramfs.cpio

include harness/release/release.mk
include harness/vmm/vmm.mk
include harness/bench/bench.mk

clean:
	rm -rf $(BUILD)

.PHONY: help tree kernel kernel-debug kernel-coverage kernel-fuzz setup programs mainline run test coverage fuzz shell clean
.NOTPARALLEL:
.DELETE_ON_ERROR:
