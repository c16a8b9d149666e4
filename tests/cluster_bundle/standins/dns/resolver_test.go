// Copyright (c) 2026, podnet.lab contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"fmt"
	"testing"

	"github.com/miekg/dns"
	v1 "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	listers "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
)

func indexer(objects ...interface{}) cache.Indexer {
	made := cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{})
	for _, object := range objects {
		if err := made.Add(object); err != nil {
			panic(err)
		}
	}
	return made
}

func service(name, address string) *v1.Service {
	return &v1.Service{
		ObjectMeta: meta.ObjectMeta{Namespace: "default", Name: name},
		Spec:       v1.ServiceSpec{ClusterIP: address},
	}
}

func cluster() resolver {
	addresses := []v1.EndpointAddress{{IP: "10.244.0.5", Hostname: "db-0"}, {IP: "10.244.1.6"}}
	endpoints := &v1.Endpoints{
		ObjectMeta: meta.ObjectMeta{Namespace: "default", Name: "db"},
		Subsets:    []v1.EndpointSubset{{Addresses: addresses}},
	}
	return resolver{
		zone: "lab.example.",
		services: listers.NewServiceLister(
			indexer(service("web", "10.96.0.80"), service("db", v1.ClusterIPNone), service("new", v1.ClusterIPNone)),
		),
		endpoints: listers.NewEndpointsLister(indexer(endpoints)),
	}
}

func TestAddressesOfNames(t *testing.T) {
	for name, wanted := range map[string]string{
		"web.default.svc.lab.example.":           "[10.96.0.80]",
		"WEB.Default.svc.lab.example.":           "[10.96.0.80]",
		"db.default.svc.lab.example.":            "[10.244.0.5 10.244.1.6]",
		"db-0.db.default.svc.lab.example.":       "[10.244.0.5]",
		"10-244-1-6.db.default.svc.lab.example.": "[10.244.1.6]",
		"10-244-9-9.default.pod.lab.example.":    "[10.244.9.9]",
		"new.default.svc.lab.example.":           "[]",
	} {
		reply := answer(cluster(), new(dns.Msg).SetQuestion(name, dns.TypeA))
		found := []string{}
		for _, record := range reply.Answer {
			found = append(found, record.(*dns.A).A.String())
		}
		if fmt.Sprint(found) != wanted || reply.Rcode != dns.RcodeSuccess {
			t.Errorf("%s: %v with code %d, wanted %s", name, found, reply.Rcode, wanted)
		}
	}
}

func TestNamesThatDoNotExist(t *testing.T) {
	for _, name := range []string{
		"absent.default.svc.lab.example.",
		"web.other.svc.lab.example.",
		"host.web.default.svc.lab.example.",
		"db-9.db.default.svc.lab.example.",
		"host.absent.default.svc.lab.example.",
		"no-address.default.pod.lab.example.",
		"web.default.svc.cluster.local.",
		"svc.lab.example.",
		"example.",
		".",
	} {
		reply := answer(cluster(), new(dns.Msg).SetQuestion(name, dns.TypeA))
		if reply.Rcode != dns.RcodeNameError || len(reply.Answer) != 0 {
			t.Errorf("%s: %v with code %d", name, reply.Answer, reply.Rcode)
		}
	}
}

func TestAnotherTypeOfAnExistingNameIsEmpty(t *testing.T) {
	reply := answer(cluster(), new(dns.Msg).SetQuestion("web.default.svc.lab.example.", dns.TypeAAAA))
	if reply.Rcode != dns.RcodeSuccess || len(reply.Answer) != 0 {
		t.Errorf("%v with code %d", reply.Answer, reply.Rcode)
	}
}

func TestAQueryWithoutQuestionIsRefused(t *testing.T) {
	if reply := answer(cluster(), new(dns.Msg)); reply.Rcode != dns.RcodeFormatError {
		t.Errorf("code %d", reply.Rcode)
	}
}

func TestZoneOfACorefile(t *testing.T) {
	corefile := ".:53 {\n    errors\n    kubernetes lab.example in-addr.arpa ip6.arpa {\n       pods insecure\n    }\n}\n"
	if zone := zoneOf(corefile); zone != "lab.example." {
		t.Error(zone)
	}
	if zone := zoneOf(""); zone != "cluster.local." {
		t.Error(zone)
	}
}
