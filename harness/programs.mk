# Usage: make -f programs.mk LINUX=dir HEADERS=dir OUT=dir
# The static programs for the guest, from the composed tree LINUX, against the kernel
# headers in HEADERS: each *_test.c of our two selftest folders is a program, iommu/lib and
# iommu/fuzz are a library for all of them. Some are built once more as 32-bit programs, for
# which the calls have to be the same. tools/iommufd is a program for the guest, too. Those of
# tools/testing/iommufd are built for this machine, with its own Makefile. Another CC is for
# another architecture, where TESTS32 and HOST are empty.

SELFTESTS := $(LINUX)/tools/testing/selftests
FOLDERS := iommu vfio
CFLAGS := -O2 -g -Wall -D_GNU_SOURCE -I$(HEADERS) -I$(SELFTESTS)
LDFLAGS := -static -pthread

tests := $(foreach f,$(FOLDERS),$(wildcard $(SELFTESTS)/$(f)/*_test.c))
library := $(wildcard $(SELFTESTS)/iommu/lib/*.c $(SELFTESTS)/iommu/fuzz/*.c)
samples := $(wildcard $(LINUX)/samples/iommufd/*.c)

# The harness of the kernel prints pointers as 64-bit numbers.
FLAGS32 := -m32 -D_FILE_OFFSET_BITS=64 -Wno-pointer-to-int-cast
TESTS32 = abi command map dirty copy option limit access dma_fault map_file file_rights container model \
	fdinfo reason

test_programs := $(tests:$(SELFTESTS)/%.c=$(OUT)/tests/%)
sample_programs := $(samples:$(LINUX)/samples/iommufd/%.c=$(OUT)/samples/%)
library_objects := $(library:$(SELFTESTS)/%.c=$(OUT)/obj/%.o)
test_programs32 := $(TESTS32:%=$(OUT)/tests/iommu32/%_test)
library_objects32 := $(patsubst $(SELFTESTS)/%.c,$(OUT)/obj32/%.o,$(wildcard $(SELFTESTS)/iommu/lib/*.c))

HOST = host

# What was renamed would stay, and be missed in the list of tests.
stale := $(filter-out $(test_programs) $(test_programs32),$(wildcard $(OUT)/tests/iommu*/*_test $(OUT)/tests/vfio/*_test))

tool := $(OUT)/tests/tools/iommufdstat
# The programs that fuzz_test finds beside itself
corpus := $(OUT)/tests/iommu/fuzz_corpus.txt

all: $(test_programs) $(test_programs32) $(sample_programs) $(tool) $(corpus) $(HOST)
	@rm -f $(stale)

host:
	$(MAKE) -C $(LINUX)/tools/testing/iommufd all iova_space_32_test
	@mkdir -p $(OUT)/host
	cp -u $(LINUX)/tools/testing/iommufd/*_test $(OUT)/host/

$(OUT)/obj/%.o: $(SELFTESTS)/%.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -MMD -MP -c -o $@ $<

# An archive: a program takes from it what it calls.
$(OUT)/obj/library.a: $(library_objects)
	@rm -f $@
	$(AR) rcs $@ $^

$(test_programs): $(OUT)/tests/%: $(OUT)/obj/%.o $(OUT)/obj/library.a
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -s -o $@ $^

$(corpus): $(SELFTESTS)/iommu/fuzz_corpus.txt
	@mkdir -p $(@D)
	cp $< $@

$(OUT)/obj32/%.o: $(SELFTESTS)/%.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(FLAGS32) -MMD -MP -c -o $@ $<

$(OUT)/obj32/library.a: $(library_objects32)
	@rm -f $@
	$(AR) rcs $@ $^

$(test_programs32): $(OUT)/tests/iommu32/%: $(OUT)/obj32/iommu/%.o $(OUT)/obj32/library.a
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) $(FLAGS32) -s -o $@ $^

$(sample_programs): $(OUT)/samples/%: $(LINUX)/samples/iommufd/%.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -static -s -o $@ $<

# With its own Makefile
$(tool): $(wildcard $(LINUX)/tools/iommufd/*.[ch] $(LINUX)/tools/iommufd/Makefile)
	@mkdir -p $(@D) $(OUT)/obj/tools
	$(MAKE) -C $(LINUX)/tools/iommufd OUTPUT=$(abspath $(OUT)/obj/tools)/ CC='$(CC)' LDFLAGS='-static -s'
	cp $(OUT)/obj/tools/iommufdstat $@

-include $(wildcard $(foreach o,obj obj32,$(OUT)/$(o)/*/*.d $(OUT)/$(o)/iommu/*/*.d))
.PHONY: all host
.SECONDARY:
