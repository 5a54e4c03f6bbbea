// SPDX-License-Identifier: GPL-2.0
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "dma_faults.h"

void dma_faults_open(struct dma_faults *faults, __u32 depth)
{
	space_open_mock(&faults->space, &faults->mock);
	faults->iommufd = faults->space.iommufd;
	faults->queue = must(dma_fault_queue(faults->iommufd, depth,
					     &faults->queue_id));
}

void dma_faults_close_queue(struct dma_faults *faults)
{
	if (faults->queue >= 0)
		must(errno_of(close(faults->queue)));
	faults->queue = -1;
}

int dma_faults_destroy_queue(struct dma_faults *faults)
{
	return iommufd_destroy(faults->iommufd, faults->queue_id);
}

void dma_faults_close(struct dma_faults *faults)
{
	dma_faults_close_queue(faults);
	space_close(&faults->space);
}

void dma_faults_make(struct dma_faults *faults, __u64 iova, __u32 nr)
{
	must(mock_dma_fault(faults->iommufd, &faults->mock, iova, nr, 0, 0,
			    NULL));
}

void dma_fault_queue_nonblocking(int queue)
{
	must(errno_of(fcntl(queue, F_SETFL, O_NONBLOCK)));
}

bool dma_fault_queue_is_readable(int queue)
{
	struct pollfd polled = { .fd = queue, .events = POLLIN | POLLOUT };

	must(errno_of(poll(&polled, 1, 0)));
	return polled.revents == POLLIN;
}
