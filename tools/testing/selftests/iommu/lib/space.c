// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <unistd.h>

#include "space.h"

/* How many there are: the last one must leave no page pinned. */
static unsigned int spaces_open;

void space_open(struct space *space)
{
	spaces_open++;
	space->device = -1;
	space->iommufd = must(iommufd_open());
	must(ioas_alloc(space->iommufd, &space->ioas_id));
}

void space_open_attached(struct space *space, const char *bdf)
{
	__u32 dev_id;

	space_open(space);
	space->device = must(vfio_cdev_open(bdf));
	must(vfio_bind(space->device, space->iommufd, &dev_id));
	must(vfio_attach_to(space->device, space->ioas_id));
}

void space_close(struct space *space)
{
	if (space->device >= 0)
		must(errno_of(close(space->device)));
	must(errno_of(close(space->iommufd)));
	if (!--spaces_open)
		must(pages_pinned() ? -EBUSY : 0);
}

bool space_locks_exactly(struct space *space, unsigned long pages)
{
	size_t length = (pages + 1) * PAGE_SIZE;
	void *memory = memory_alloc(length);
	__u64 iova;
	int over, exact;

	over = ioas_map(space->iommufd, space->ioas_id, memory, length, &iova);
	exact = ioas_map(space->iommufd, space->ioas_id, memory,
			 length - PAGE_SIZE, &iova);
	if (!exact)
		must(ioas_unmap(space->iommufd, space->ioas_id, iova,
				length - PAGE_SIZE, NULL));
	memory_free(memory, length);
	return over == -ENOMEM && !exact;
}
