/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The I/O virtual addresses of one IOAS as data: which ranges are mapped,
 * which are reserved, which may be chosen, and what is free.
 *
 * Knows no ioctl, no object and no IOMMU, takes no lock and allocates only for
 * reserved and allowed intervals, so that a user space build can run it.
 * The owner of the address space serialises all calls.
 *
 * area      a mapped range; areas are disjoint, each embedded in its owner
 * hole      a range between two neighbouring areas
 * reserved  a range where no area may be, with the owner that asked for it;
 *           reserved ranges may overlap each other
 * allowed   when there are any, the only ranges for an automatic choice; those
 *           that touch are one
 * last      the last byte of a range: the highest address is a legal one
 */
#ifndef __IOMMUFD_IOVA_SPACE_H
#define __IOMMUFD_IOVA_SPACE_H

#include <linux/bits.h>
#include <linux/rbtree.h>
#include <linux/types.h>

/*
 * The last IOVA that can be mapped. The IOMMU core counts addresses and bytes in
 * unsigned long; short of the last page of 32 bits no number of bytes overflows.
 */
#define IOVA_SPACE_LAST \
	(BITS_PER_LONG == 64 ? U64_MAX : (u64)ULONG_MAX - PAGE_SIZE)

enum iova_area_state {
	/* IOVA taken, memory not reachable yet: only its creator touches it */
	IOVA_AREA_BUILDING,
	/* every table translates it, but only its creator may make it go */
	IOVA_AREA_READY,
	/* every table of the IOAS translates it */
	IOVA_AREA_LIVE,
	/* a remover waits for its users; tables still translate it */
	IOVA_AREA_DRAINING,
	/* being removed: only its remover touches it */
	IOVA_AREA_GOING,
	/* a table may translate it, and nobody can change that */
	IOVA_AREA_STUCK,
};

/**
 * struct iova_area - one mapped range, embedded in what is mapped there
 * @start: first byte
 * @last: last byte
 * @page_offset: offset of the first byte within its page of memory
 * @state: how far the mapping is; its owner's, see mapping_set_state()
 * @rb: private: order by @start
 * @hole: private: size in bytes of the hole just below @start
 * @subtree_hole: private: largest @hole of the tree below @rb
 */
struct iova_area {
	struct rb_node rb;
	u64 start;
	u64 last;
	u64 hole;
	u64 subtree_hole;
	u16 page_offset;
	enum iova_area_state state;
};

/**
 * struct iova_space - the ranges of one IOAS
 * @areas: mapped ranges
 * @reserved: where nothing may be mapped
 * @allowed: where an automatic choice has to stay, empty for everywhere
 * @alignment: start, length and page offset of each area are multiples of it;
 *             a power of two, at most PAGE_SIZE
 */
struct iova_space {
	struct rb_root areas;
	struct rb_root_cached reserved;
	struct rb_root_cached allowed;
	u32 alignment;
};

static inline u64 iova_area_length(const struct iova_area *area)
{
	return area->last - area->start + 1;
}

void iova_space_init(struct iova_space *space);
void iova_space_destroy(struct iova_space *space);

int iova_space_check(struct iova_space *space, u64 start, u64 length);
int iova_space_choose(struct iova_space *space, u64 address, u64 length,
		      u64 *start);
int iova_space_add(struct iova_space *space, struct iova_area *area, u64 start,
		   u64 length);
void iova_space_remove(struct iova_space *space,
		       struct iova_area *area);
struct iova_area *iova_space_first(struct iova_space *space,
				   u64 start, u64 last);
struct iova_area *iova_space_next(struct iova_area *area, u64 last);

#define for_each_iova_area(area, space, start, last) \
	for (area = iova_space_first(space, start, last); area; \
	     area = iova_space_next(area, last))

int iova_space_reserve(struct iova_space *space, u64 start,
		       u64 last, void *owner);
void iova_space_unreserve(struct iova_space *space, void *owner);
int iova_intervals_add(struct rb_root_cached *intervals, u64 start, u64 last);
void iova_intervals_free(struct rb_root_cached *intervals);
int iova_space_swap_allowed(struct iova_space *space,
			    struct rb_root_cached *intervals);
bool iova_space_find_reserved(struct iova_space *space, u64 *start, u64 *last);
bool iova_space_find_occupied(struct iova_space *space, u64 *start, u64 *last);
bool iova_space_next_usable(struct iova_space *space, u64 from,
			    u64 *start, u64 *last);

int iova_space_set_alignment(struct iova_space *space,
			     u32 alignment);

#endif
