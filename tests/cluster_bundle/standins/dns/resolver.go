// Copyright (c) 2026, podnet.lab contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"net"
	"strings"

	v1 "k8s.io/api/core/v1"
	listers "k8s.io/client-go/listers/core/v1"
)

// resolver knows the names of a cluster: https://github.com/kubernetes/dns/blob/master/docs/specification.md
type resolver struct {
	zone      string // with a dot at its end
	services  listers.ServiceLister
	endpoints listers.EndpointsLister
}

// lookup returns the IPv4 addresses of a name, and whether the name exists.
func (r resolver) lookup(name string) ([]net.IP, bool) {
	name = strings.ToLower(name)
	if !strings.HasSuffix(name, "."+r.zone) {
		return nil, false
	}
	labels := strings.Split(strings.TrimSuffix(name, "."+r.zone), ".")
	count := len(labels)
	switch {
	case count == 3 && labels[2] == "pod":
		address := net.ParseIP(strings.ReplaceAll(labels[0], "-", ".")).To4()
		return keep(address), address != nil
	case count == 3 && labels[2] == "svc":
		return r.service(labels[1], labels[0], "")
	case count == 4 && labels[3] == "svc":
		return r.service(labels[2], labels[1], labels[0])
	}
	return nil, false
}

// service returns a Service's virtual address or, of a headless one, the addresses of its ready endpoints: of all, or
// of the one whose name is host.
func (r resolver) service(namespace, name, host string) ([]net.IP, bool) {
	service, err := r.services.Services(namespace).Get(name)
	if err != nil {
		return nil, false
	}
	if service.Spec.ClusterIP != v1.ClusterIPNone {
		return keep(net.ParseIP(service.Spec.ClusterIP).To4()), host == ""
	}
	endpoints, err := r.endpoints.Endpoints(namespace).Get(name)
	if err != nil {
		return nil, host == ""
	}
	var found []net.IP
	for _, subset := range endpoints.Subsets {
		for _, endpoint := range subset.Addresses {
			hostname := endpoint.Hostname
			if hostname == "" {
				hostname = strings.ReplaceAll(endpoint.IP, ".", "-")
			}
			if host == "" || host == hostname {
				found = append(found, keep(net.ParseIP(endpoint.IP).To4())...)
			}
		}
	}
	return found, host == "" || len(found) > 0
}

func keep(address net.IP) []net.IP {
	if address == nil {
		return nil
	}
	return []net.IP{address}
}
