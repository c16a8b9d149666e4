#!/bin/sh
# SPDX-FileCopyrightText: 2026 podnet.lab contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# What tutorials show: one fork of `ip netns exec NS ip` for each question.

set -eu

ask() {
  "$@" ip -d -j link show
  "$@" ip -j addr show
  "$@" ip -j route show table all
  "$@" ip -j neigh show
}

{
  ask env
  bridge -j fdb
  for path in /run/netns/*; do
    ask ip netns exec "${path##*/}"
  done
} | wc -c | sed 's/.*/{"bytes": &}/'
