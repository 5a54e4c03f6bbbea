/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The benchmark of DMA mappings: what its files share.
 *
 *	main.c		arguments, the rows one after the other, the report
 *	rows.c		the table of rows and how each is measured
 *	type1.c		an address space that is a VFIO container
 *	iommufd.c	an address space that is an IOAS of /dev/iommu
 *	memory.c	memory of the kinds that rows ask for
 *	threads.c	the one row in real time
 *
 * A row stops the program when a call fails: a benchmark that goes on after an
 * error measures the error.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE		4096ul
#define HUGE_PAGE	(2ul << 20)
/* Above what the PC reserves: the first 4 GiB have the range of MSI */
#define FIRST_IOVA	(4ull << 30)

/* What the physical pages behind a piece of memory look like */
enum memory_kind {
	/* Pages of 4 KiB, of which no two neighbours are adjacent */
	MEMORY_SCATTERED,
	/* Runs of 2 MiB, mapped in the process by entries of 4 KiB */
	MEMORY_CONTIGUOUS,
	/* Transparent huge pages */
	MEMORY_THP,
	/* Huge pages of hugetlbfs */
	MEMORY_HUGETLB,
	/* A file in memory, of scattered pages of 4 KiB */
	MEMORY_FILE,
};

/* Memory that is there: each page was written to */
struct memory {
	/* The first byte, aligned to 2 MiB */
	unsigned char *start;
	/* Bytes */
	size_t length;
	/* The file of MEMORY_FILE, -1 for other kinds */
	int file;
};

struct memory memory_create(enum memory_kind kind, size_t length);
void memory_destroy(struct memory *memory);

/* A device that vfio-pci has */
struct device {
	/* Its PCI address */
	const char *address;
	/* What to open: /dev/vfio/GROUP, or the device's own file */
	char path[64];
};

/* A device and the address space that it is attached to, open and in use */
struct space {
	/* Which calls the address space knows */
	const struct interface *interface;
	/* /dev/vfio/vfio or /dev/iommu */
	int context;
	/* /dev/vfio/GROUP, for a container only */
	int group;
	/* The device */
	int device;
	/* The IOAS, for an iommufd only */
	uint32_t ioas;
};

/* The calls of one kind of address space */
struct interface {
	/* The word on the command line */
	const char *name;
	/* Fill in the path of a device; looking it up shall not be measured */
	void (*find)(struct device *device);
	/* Open all that it takes and attach the device */
	void (*open)(struct space *space, const struct device *device);
	/* Close all of it */
	void (*close)(struct space *space);
	/* Map memory readable and writable at an IOVA */
	void (*map)(struct space *space, void *memory, size_t length, uint64_t iova);
	/* Remove all mappings of a range */
	void (*unmap)(struct space *space, uint64_t iova, size_t length);
};

extern const struct interface type1_interface;
extern const struct interface iommufd_interface;

/* False where the kernel, or the headers of the build, have no such call */
bool iommufd_map_file(struct space *space, int file, size_t length, uint64_t iova);
void iommufd_copy(struct space *space, uint32_t to, size_t length, uint64_t iova);
uint32_t iommufd_ioas(int iommufd);
int iommufd_bind(int iommufd, const struct device *device);
void iommufd_attach(int device, uint32_t ioas);
void iommufd_detach(int device);
void iommufd_unmap(int iommufd, uint32_t ioas, uint64_t iova, size_t length);

#define MAX_RESULTS 3

/* What the command line says, the same for all rows */
struct bench {
	/* Which calls to measure */
	const struct interface *interface;
	/* Two devices in groups of their own */
	struct device devices[2];
	/* The rows that are measured in time, or all others */
	bool real_time;
	/* Only rows whose name begins so */
	const char *prefix;
};

/* What was measured */
struct result {
	/* Instructions for one unit, or what else the row's unit says; NAN without one */
	double value;
	/* How many units there were */
	double units;
	/* Which start and stop of the watch it was, counted from 0 */
	unsigned int window;
};

/* Things that are measured together; each result is a row of the report */
struct work {
	/* What the rows' names begin with */
	const char *name;
	/* What a row does, in words */
	const char *text;
	/* How the names of the rows end, NULL where there are fewer */
	const char *results[MAX_RESULTS];
	/* What a result counts, or is counted per */
	const char *unit;
	/* Measures and fills in results; one that stays as it was has no value here */
	void (*run)(const struct bench *bench, const struct work *work, struct result *results);
	/* Memory to map */
	enum memory_kind memory;
	/* How much of it */
	size_t length;
	/* Bytes mapped by one call */
	size_t map_call;
	/* Bytes unmapped by one call */
	size_t unmap_call;
	/* An iommufd has it, a container has not */
	bool iommufd_only;
	/* Measured in time, on several processors; everything else in instructions */
	bool real_time;
};

extern const struct work works[];
extern const size_t nr_works;

void run_threads(const struct bench *bench, const struct work *work,
		 struct result *results);

/*
 * What is executed between the two is divided by the units of the result. They are
 * not inlined: a profiler finds them by name.
 */
void stopwatch_start(void);
void stopwatch_stop(struct result *result, double units);

#endif
