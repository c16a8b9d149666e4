// Copyright (c) 2026, podnet.lab contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

/*
 * The yardstick of the benchmark: the system calls of the collection's snapshot, in C.
 *
 * It finds every network namespace that a mount or a process holds, enters each, dumps links, addresses, all
 * routes, neighbours and forwarding entries, decodes the same attributes into records, resolves
 * every veth by asking for namespace ids in both directions, looks for what was born meanwhile, and
 * prints how much it found. It leaves out what makes a tool of it: error reports, names of
 * values, time limits, opt-in subsets.
 */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/net_namespace.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#define SKIP_STATS 8 /* RTEXT_FILTER_SKIP_STATS */
#define MAX_ATTRIBUTE 64

struct link {
	int index, peer_index, nsid, has_nsid, master, kind_is_veth, kind_has_fdb, peer_ns;
	unsigned flags, type, mtu, txqlen, group, operstate, carrier;
	char name[16], qdisc[16], kind[16], slave_kind[16], address[64], broadcast[64], alias[256];
	unsigned data[64], slave_data[64];
};
struct address { int family, prefixlen, scope, index; unsigned flags; char local[46], address[46], broadcast[46], label[16]; };
struct route { int family, dst_len, type, protocol, scope; unsigned table, oif, metric, pref, mtu; char dst[46], gateway[46], prefsrc[46]; };
struct neighbour { int family, index; unsigned state, flags, master, vlan, port, vni; char dst[46], lladdr[64]; };
struct process { int pid; char comm[65]; unsigned long pidns; char *cgroup; };

#define LIST(type) struct { struct type *items; size_t count, size; }
#define PUSH(list) (((list).count == (list).size \
	? ((list).size = (list).size ? 2 * (list).size : 16, \
	   (list).items = realloc((list).items, (list).size * sizeof(*(list).items))) : 0), \
	memset(&(list).items[(list).count], 0, sizeof(*(list).items)), &(list).items[(list).count++])

struct namespace {
	unsigned long inode;
	char *path, *door;
	int fd, socket, nsid_count;
	struct { int nsid, ns; } nsids[4096];
	LIST(link) links;
	LIST(address) addresses;
	LIST(route) routes;
	LIST(neighbour) neighbours;
	LIST(neighbour) fdb;
	LIST(process) processes;
};

static struct namespace **spaces;
static size_t space_count, space_size;
static unsigned long own_inode, own_device, own_mounts;
static int home;
static char buffer[65536];
static size_t asked;
static struct { unsigned long inode; struct namespace *space; } *inode_index;
static unsigned char seen_pids[1 << 22];

static void fail(const char *what) { perror(what); exit(1); }

#define INODE_SLOTS 65536
static struct namespace *find_space(unsigned long inode, int create)
{
	size_t slot = inode % INODE_SLOTS;
	while (inode_index[slot].space && inode_index[slot].inode != inode) slot = (slot + 1) % INODE_SLOTS;
	if (inode_index[slot].space || !create) return inode_index[slot].space;
	struct namespace *space = calloc(1, sizeof(*space));
	space->inode = inode;
	space->fd = space->socket = -1;
	if (space_count == space_size) {
		space_size = space_size ? 2 * space_size : 64;
		spaces = realloc(spaces, space_size * sizeof(*spaces));
	}
	spaces[space_count++] = space;
	inode_index[slot].inode = inode;
	inode_index[slot].space = space;
	return space;
}

static unsigned long namespace_link(const char *path)
{
	char text[64];
	ssize_t size = readlink(path, text, sizeof(text) - 1);
	if (size < 0) return 0;
	text[size] = 0;
	char *bracket = strchr(text, '[');
	return bracket ? strtoul(bracket + 1, NULL, 10) : 0;
}

static ssize_t slurp(const char *path, char *into, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) return -1;
	ssize_t got = read(fd, into, size);
	close(fd);
	return got;
}

static void unescape(char *text)
{
	char *out = text;
	for (; *text; text++)
		if (*text == '\\' && isdigit(text[1]) && isdigit(text[2]) && isdigit(text[3])) {
			*out++ = (char)strtol((char[]){ text[1], text[2], text[3], 0 }, NULL, 8);
			text += 3;
		} else *out++ = *text;
	*out = 0;
}

static void find_mounts(void)
{
	FILE *file = fopen("/proc/self/mountinfo", "re");
	char *line = NULL;
	size_t size = 0;
	if (!file) fail("mountinfo");
	while (getline(&line, &size, file) > 0) {
		if (!strstr(line, " net:[")) continue;
		char root[128], point[4096];
		if (sscanf(line, "%*s %*s %*s %127s %4095s", root, point) != 2 || strncmp(root, "net:[", 5)) continue;
		struct namespace *space = find_space(strtoul(root + 5, NULL, 10), 1);
		unescape(point);
		if (!space->path) space->path = strdup(point);
	}
	free(line);
	fclose(file);
}

static void find_processes(void)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	char path[300], text[65536];
	if (!proc) fail("/proc");
	while ((entry = readdir(proc))) {
		if (!isdigit((unsigned char)entry->d_name[0])) continue;
		int pid = atoi(entry->d_name);
		if (seen_pids[pid & ((1 << 22) - 1)]) continue;
		seen_pids[pid & ((1 << 22) - 1)] = 1;
		snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
		unsigned long inode = namespace_link(path);
		if (!inode) continue;
		struct namespace *space = find_space(inode, 1);
		if (!space->door) space->door = strdup(path);
		struct stat status;
		snprintf(path, sizeof(path), "/proc/%d/task", pid);
		if (stat(path, &status) == 0 && status.st_nlink > 3) {
			DIR *tasks = opendir(path);
			struct dirent *task;
			while (tasks && (task = readdir(tasks)))
				if (isdigit((unsigned char)task->d_name[0])) {
					snprintf(path, sizeof(path), "/proc/%d/task/%s/ns/net", pid, task->d_name);
					namespace_link(path);
				}
			if (tasks) closedir(tasks);
		}
		if (inode == own_inode) {
			snprintf(path, sizeof(path), "/proc/%d/ns/mnt", pid);
			if (namespace_link(path) == own_mounts) continue;
		}
		struct process *process = PUSH(space->processes);
		process->pid = pid;
		snprintf(path, sizeof(path), "/proc/%d/comm", pid);
		ssize_t got = slurp(path, process->comm, 64);
		if (got > 0) process->comm[got - 1] = 0;
		snprintf(path, sizeof(path), "/proc/%d/ns/pid", pid);
		process->pidns = namespace_link(path);
		snprintf(path, sizeof(path), "/proc/%d/cgroup", pid);
		got = slurp(path, text, sizeof(text) - 1);
		if (got >= 0) { text[got] = 0; process->cgroup = strdup(text); }
	}
	closedir(proc);
}

/* ---- rtnetlink ------------------------------------------------------------------------------ */

static unsigned u32(const struct rtattr *a) { unsigned v; memcpy(&v, RTA_DATA(a), 4); return v; }
static void ip_text(const struct rtattr *a, char *into)
{
	inet_ntop(RTA_PAYLOAD(a) == 4 ? AF_INET : AF_INET6, RTA_DATA(a), into, 46);
}
static void mac_text(const struct rtattr *a, char *into)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *bytes = RTA_DATA(a);
	size_t size = RTA_PAYLOAD(a) > 20 ? 20 : RTA_PAYLOAD(a);
	for (size_t i = 0; i < size; i++) {
		*into++ = digits[bytes[i] >> 4];
		*into++ = digits[bytes[i] & 15];
		if (i + 1 < size) *into++ = ':';
	}
	*into = 0;
}
static void copy_text(const struct rtattr *a, char *into, size_t size) { snprintf(into, size, "%s", (char *)RTA_DATA(a)); }
static void table_of(struct rtattr **table, struct rtattr *a, int size)
{
	memset(table, 0, MAX_ATTRIBUTE * sizeof(*table));
	for (; RTA_OK(a, size); a = RTA_NEXT(a, size))
		if ((a->rta_type & NLA_TYPE_MASK) < MAX_ATTRIBUTE) table[a->rta_type & NLA_TYPE_MASK] = a;
}
static void numbers_of(unsigned *numbers, struct rtattr *nest)
{
	struct rtattr *table[MAX_ATTRIBUTE];
	table_of(table, RTA_DATA(nest), RTA_PAYLOAD(nest));
	for (int i = 0; i < 64; i++)
		if (table[i]) memcpy(&numbers[i], RTA_DATA(table[i]), RTA_PAYLOAD(table[i]) < 4 ? RTA_PAYLOAD(table[i]) : 4);
}

static void take_link(struct namespace *space, struct nlmsghdr *message)
{
	struct ifinfomsg *info = NLMSG_DATA(message);
	struct rtattr *t[MAX_ATTRIBUTE], *i[MAX_ATTRIBUTE];
	struct link *link = PUSH(space->links);
	table_of(t, IFLA_RTA(info), IFLA_PAYLOAD(message));
	link->index = info->ifi_index; link->flags = info->ifi_flags; link->type = info->ifi_type; link->peer_ns = -1;
	if (t[IFLA_IFNAME]) copy_text(t[IFLA_IFNAME], link->name, 16);
	if (t[IFLA_QDISC]) copy_text(t[IFLA_QDISC], link->qdisc, 16);
	if (t[IFLA_IFALIAS]) copy_text(t[IFLA_IFALIAS], link->alias, 256);
	if (t[IFLA_ADDRESS]) mac_text(t[IFLA_ADDRESS], link->address);
	if (t[IFLA_BROADCAST]) mac_text(t[IFLA_BROADCAST], link->broadcast);
	if (t[IFLA_MTU]) link->mtu = u32(t[IFLA_MTU]);
	if (t[IFLA_TXQLEN]) link->txqlen = u32(t[IFLA_TXQLEN]);
	if (t[IFLA_GROUP]) link->group = u32(t[IFLA_GROUP]);
	if (t[IFLA_OPERSTATE]) link->operstate = *(unsigned char *)RTA_DATA(t[IFLA_OPERSTATE]);
	if (t[IFLA_CARRIER]) link->carrier = *(unsigned char *)RTA_DATA(t[IFLA_CARRIER]);
	if (t[IFLA_MASTER]) link->master = (int)u32(t[IFLA_MASTER]);
	link->peer_index = t[IFLA_LINK] ? (int)u32(t[IFLA_LINK]) : link->index;
	if (t[IFLA_LINK_NETNSID]) { link->has_nsid = 1; link->nsid = (int)u32(t[IFLA_LINK_NETNSID]); }
	if (!t[IFLA_LINKINFO]) return;
	table_of(i, RTA_DATA(t[IFLA_LINKINFO]), RTA_PAYLOAD(t[IFLA_LINKINFO]));
	if (i[IFLA_INFO_KIND]) copy_text(i[IFLA_INFO_KIND], link->kind, 16);
	if (i[IFLA_INFO_SLAVE_KIND]) copy_text(i[IFLA_INFO_SLAVE_KIND], link->slave_kind, 16);
	link->kind_is_veth = !strcmp(link->kind, "veth");
	link->kind_has_fdb = !strcmp(link->kind, "bridge") || !strcmp(link->kind, "vxlan");
	if (i[IFLA_INFO_DATA] && link->kind_has_fdb) numbers_of(link->data, i[IFLA_INFO_DATA]);
	if (i[IFLA_INFO_SLAVE_DATA]) numbers_of(link->slave_data, i[IFLA_INFO_SLAVE_DATA]);
}

static void take_address(struct namespace *space, struct nlmsghdr *message)
{
	struct ifaddrmsg *info = NLMSG_DATA(message);
	struct rtattr *t[MAX_ATTRIBUTE];
	struct address *address = PUSH(space->addresses);
	table_of(t, IFA_RTA(info), IFA_PAYLOAD(message));
	address->family = info->ifa_family; address->prefixlen = info->ifa_prefixlen;
	address->scope = info->ifa_scope; address->index = (int)info->ifa_index;
	if (t[IFA_LOCAL]) ip_text(t[IFA_LOCAL], address->local);
	if (t[IFA_ADDRESS]) ip_text(t[IFA_ADDRESS], address->address);
	if (t[IFA_BROADCAST]) ip_text(t[IFA_BROADCAST], address->broadcast);
	if (t[IFA_LABEL]) copy_text(t[IFA_LABEL], address->label, 16);
	address->flags = t[IFA_FLAGS] ? u32(t[IFA_FLAGS]) : info->ifa_flags;
}

static void take_route(struct namespace *space, struct nlmsghdr *message)
{
	struct rtmsg *info = NLMSG_DATA(message);
	struct rtattr *t[MAX_ATTRIBUTE];
	if ((info->rtm_flags & RTM_F_CLONED) || (info->rtm_family != AF_INET && info->rtm_family != AF_INET6)) return;
	struct route *route = PUSH(space->routes);
	table_of(t, RTM_RTA(info), RTM_PAYLOAD(message));
	route->family = info->rtm_family; route->dst_len = info->rtm_dst_len; route->type = info->rtm_type;
	route->protocol = info->rtm_protocol; route->scope = info->rtm_scope;
	route->table = t[RTA_TABLE] ? u32(t[RTA_TABLE]) : info->rtm_table;
	if (t[RTA_DST]) ip_text(t[RTA_DST], route->dst);
	if (t[RTA_GATEWAY]) ip_text(t[RTA_GATEWAY], route->gateway);
	if (t[RTA_PREFSRC]) ip_text(t[RTA_PREFSRC], route->prefsrc);
	if (t[RTA_OIF]) route->oif = u32(t[RTA_OIF]);
	if (t[RTA_PRIORITY]) route->metric = u32(t[RTA_PRIORITY]);
	if (t[RTA_PREF]) route->pref = *(unsigned char *)RTA_DATA(t[RTA_PREF]);
}

static void take_neighbour_into(struct neighbour *neighbour, struct nlmsghdr *message)
{
	struct ndmsg *info = NLMSG_DATA(message);
	struct rtattr *t[MAX_ATTRIBUTE];
	table_of(t, (struct rtattr *)((char *)info + NLMSG_ALIGN(sizeof(*info))), (int)NLMSG_PAYLOAD(message, sizeof(*info)));
	neighbour->family = info->ndm_family; neighbour->index = info->ndm_ifindex;
	neighbour->state = info->ndm_state; neighbour->flags = info->ndm_flags;
	if (t[NDA_DST]) ip_text(t[NDA_DST], neighbour->dst);
	if (t[NDA_LLADDR]) mac_text(t[NDA_LLADDR], neighbour->lladdr);
	if (t[NDA_MASTER]) neighbour->master = u32(t[NDA_MASTER]);
	if (t[NDA_VNI]) neighbour->vni = u32(t[NDA_VNI]);
}
static void take_neighbour(struct namespace *space, struct nlmsghdr *message)
{
	struct ndmsg *info = NLMSG_DATA(message);
	if (!(info->ndm_state & ~NUD_NOARP) && !(info->ndm_flags & (NTF_PROXY | NTF_EXT_LEARNED))) return;
	take_neighbour_into(PUSH(space->neighbours), message);
}
static void take_fdb(struct namespace *space, struct nlmsghdr *message) { take_neighbour_into(PUSH(space->fdb), message); }
static int own_nsids;
static void take_nsid(struct namespace *space, struct nlmsghdr *message) { (void)space; (void)message; own_nsids++; }

static void dump(struct namespace *space, int type, const void *body, size_t size,
		 void (*take)(struct namespace *, struct nlmsghdr *))
{
	struct { struct nlmsghdr header; char body[64]; } request = { .header = {
		.nlmsg_len = (unsigned)NLMSG_LENGTH(size), .nlmsg_type = (unsigned short)type,
		.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP, .nlmsg_seq = (unsigned)type } };
	memcpy(request.body, body, size);
	if (send(space->socket, &request, request.header.nlmsg_len, 0) < 0) fail("send");
	for (;;) {
		ssize_t got = recv(space->socket, buffer, sizeof(buffer), 0);
		if (got < 0) fail("recv");
		unsigned left = (unsigned)got;
		for (struct nlmsghdr *m = (struct nlmsghdr *)buffer; NLMSG_OK(m, left); m = NLMSG_NEXT(m, left)) {
			if (m->nlmsg_type == NLMSG_DONE || m->nlmsg_type == NLMSG_ERROR) return;
			take(space, m);
		}
	}
}

static void enter(struct namespace *space)
{
	const char *doors[2] = { space->path, space->door };
	struct stat status;
	if (space->inode == own_inode) doors[0] = "/proc/thread-self/ns/net";
	for (int i = 0; i < 2 && space->fd < 0; i++) {
		if (!doors[i]) continue;
		int fd = open(doors[i], O_RDONLY | O_NONBLOCK | O_CLOEXEC);
		if (fd < 0) continue;
		if (fstat(fd, &status) == 0 && status.st_ino == space->inode && status.st_dev == own_device) space->fd = fd;
		else close(fd);
	}
	if (space->fd < 0) return;
	if (space->inode != own_inode && setns(space->fd, CLONE_NEWNET)) fail("setns");
	space->socket = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	struct timeval patience = { .tv_sec = 5 };
	setsockopt(space->socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(space->socket, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &(int){ 1 }, sizeof(int));
	struct sockaddr_nl name = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK };
	if (bind(space->socket, (struct sockaddr *)&name, sizeof(name))) fail("bind");
	if (space->inode != own_inode && setns(home, CLONE_NEWNET)) fail("setns home");
	struct { struct ifinfomsg info; struct rtattr attribute; unsigned mask; } links = {
		.attribute = { .rta_len = 8, .rta_type = IFLA_EXT_MASK }, .mask = SKIP_STATS };
	struct ndmsg bridge = { .ndm_family = AF_BRIDGE };
	char zeros[16] = { 0 };
	dump(space, RTM_GETLINK, &links, sizeof(links), take_link);
	dump(space, RTM_GETADDR, zeros, 8, take_address);
	dump(space, RTM_GETROUTE, zeros, 12, take_route);
	dump(space, RTM_GETNEIGH, zeros, 12, take_neighbour);
	for (size_t i = 0; i < space->links.count; i++)
		if (space->links.items[i].kind_has_fdb) { dump(space, RTM_GETNEIGH, &bridge, sizeof(bridge), take_fdb); break; }
}

/* ---- peers ---------------------------------------------------------------------------------- */

static int ask(struct namespace *asking, struct namespace *about)
{
	struct { struct nlmsghdr header; struct rtgenmsg body; char pad[3]; struct rtattr attribute; int fd; } request = {
		.header = { .nlmsg_len = sizeof(request), .nlmsg_type = RTM_GETNSID, .nlmsg_flags = NLM_F_REQUEST, .nlmsg_seq = 9 },
		.attribute = { .rta_len = 8, .rta_type = NETNSA_FD }, .fd = about->fd };
	asked++;
	if (send(asking->socket, &request, sizeof(request), 0) < 0) fail("send");
	ssize_t got = recv(asking->socket, buffer, sizeof(buffer), 0);
	struct nlmsghdr *m = (struct nlmsghdr *)buffer;
	if (got < 0 || !NLMSG_OK(m, (unsigned)got) || m->nlmsg_type != RTM_NEWNSID) return -2;
	struct rtattr *t[MAX_ATTRIBUTE];
	table_of(t, (struct rtattr *)((char *)NLMSG_DATA(m) + 4), (int)NLMSG_PAYLOAD(m, 4));
	return t[NETNSA_NSID] ? (int)u32(t[NETNSA_NSID]) : -2;
}

#define END_SLOTS 65536
static struct { int index, peer_index, ns; } ends[END_SLOTS];
static size_t end_slot(int index, int peer_index) { return ((size_t)index * 31 + (size_t)peer_index * 7919) % END_SLOTS; }

static int known_nsid(struct namespace *space, int nsid)
{
	for (int i = 0; i < space->nsid_count; i++)
		if (space->nsids[i].nsid == nsid) return space->nsids[i].ns;
	return -1;
}

static size_t resolve(void)
{
	size_t resolved = 0;
	for (size_t s = 0; s < space_count; s++)
		for (size_t l = 0; l < spaces[s]->links.count; l++) {
			struct link *link = &spaces[s]->links.items[l];
			if (!link->kind_is_veth || !link->has_nsid) continue;
			size_t slot = end_slot(link->index, link->peer_index);
			while (ends[slot].index) slot = (slot + 1) % END_SLOTS;
			ends[slot].index = link->index; ends[slot].peer_index = link->peer_index; ends[slot].ns = (int)s;
		}
	for (size_t s = 0; s < space_count; s++)
		for (size_t l = 0; l < spaces[s]->links.count; l++) {
			struct link *link = &spaces[s]->links.items[l];
			if (!link->kind_is_veth || !link->has_nsid || link->nsid < 0) continue;
			link->peer_ns = known_nsid(spaces[s], link->nsid);
			for (size_t slot = end_slot(link->peer_index, link->index); link->peer_ns < 0 && ends[slot].index; slot = (slot + 1) % END_SLOTS) {
				if (ends[slot].index != link->peer_index || ends[slot].peer_index != link->index) continue;
				int nsid = ask(spaces[s], spaces[ends[slot].ns]);
				if (nsid != link->nsid) continue;
				link->peer_ns = ends[slot].ns;
				if (spaces[s]->nsid_count < 4096) {
					spaces[s]->nsids[spaces[s]->nsid_count].nsid = nsid;
					spaces[s]->nsids[spaces[s]->nsid_count++].ns = link->peer_ns;
				}
			}
		}
	for (size_t s = 0; s < space_count; s++)
		for (size_t l = 0; l < spaces[s]->links.count; l++) {
			struct link *link = &spaces[s]->links.items[l];
			if (link->kind_is_veth && (!link->has_nsid || link->peer_ns >= 0)) resolved++;
		}
	return resolved;
}

int main(void)
{
	struct stat status;
	struct rlimit limit;
	inode_index = calloc(INODE_SLOTS, sizeof(*inode_index));
	home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	if (home < 0 || fstat(home, &status)) fail("home");
	own_inode = status.st_ino; own_device = status.st_dev;
	own_mounts = namespace_link("/proc/self/ns/mnt");
	find_space(own_inode, 1);
	find_processes();
	find_mounts();
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	for (size_t s = 0; s < space_count; s++) enter(spaces[s]);
	size_t before = space_count;
	find_processes();
	find_mounts();
	for (size_t s = before; s < space_count; s++) enter(spaces[s]);
	size_t peers = resolve();
	dump(find_space(own_inode, 1), RTM_GETNSID, (char[4]){ 0 }, 4, take_nsid);
	for (size_t s = 0; s < space_count; s++)
		while (recv(spaces[s]->socket, buffer, sizeof(buffer), MSG_DONTWAIT) > 0) continue;
	find_mounts();
	size_t links = 0, addresses = 0, routes = 0, neighbours = 0, fdb = 0, processes = 0;
	for (size_t s = 0; s < space_count; s++) {
		struct namespace *space = spaces[s];
		char path[64];
		for (size_t p = 0; space->inode != own_inode && p < space->processes.count; p++) {
			snprintf(path, sizeof(path), "/proc/%d/ns/net", space->processes.items[p].pid);
			if (namespace_link(path) != space->inode) space->processes.items[p].pid = 0;
		}
		links += space->links.count; addresses += space->addresses.count; routes += space->routes.count;
		neighbours += space->neighbours.count; fdb += space->fdb.count;
		if (space->inode != own_inode) processes += space->processes.count;
		if (space->fd >= 0) { close(space->socket); close(space->fd); }
	}
	printf("{\"namespaces\": %zu, \"links\": %zu, \"addresses\": %zu, \"routes\": %zu, \"neighbours\": %zu, "
	       "\"fdb\": %zu, \"processes\": %zu, \"peers\": %zu, \"questions\": %zu}\n",
	       space_count, links, addresses, routes, neighbours, fdb, processes, peers, asked);
	return 0;
}
