/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How much a space has mapped, pinned and charged. Nobody counts while memory is
 * mapped: it is counted when somebody asks.
 */
#ifndef __IOMMUFD_SPACE_SURVEY_H
#define __IOMMUFD_SPACE_SURVEY_H

struct mapped_space;
struct seq_file;

void space_survey_show(struct mapped_space *space, struct seq_file *m);

#endif
