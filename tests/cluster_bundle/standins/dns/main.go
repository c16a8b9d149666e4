// Copyright (c) 2026, podnet.lab contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// Command podnet-dns is a stand-in for CoreDNS, which Debian does not have; for tests only.
//
// It answers for the zone that the Corefile's plugin kubernetes names: A records of Services, of the endpoints of
// headless Services and of pods (10-244-1-2.default.pod.<zone>). Other types of an existing name are empty, other names
// do not exist: nothing is forwarded. Health and readiness are where CoreDNS has them.
package main

import (
	"flag"
	"log"
	"net"
	"net/http"
	"os"
	"regexp"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
)

const ttl = 5 // seconds

var corefileZone = regexp.MustCompile(`(?m)^\s*kubernetes\s+([^\s{]+)`)

// zoneOf returns the first zone of the plugin kubernetes in a Corefile, as a full name.
func zoneOf(corefile string) string {
	if found := corefileZone.FindStringSubmatch(corefile); found != nil {
		return dns.Fqdn(found[1])
	}
	return "cluster.local."
}

// answer returns the reply to a query.
func answer(r resolver, query *dns.Msg) *dns.Msg {
	reply := new(dns.Msg)
	reply.SetReply(query)
	reply.Authoritative = true
	if len(query.Question) != 1 {
		reply.Rcode = dns.RcodeFormatError
		return reply
	}
	question := query.Question[0]
	addresses, exists := r.lookup(question.Name)
	if !exists {
		reply.Rcode = dns.RcodeNameError
	} else if question.Qtype == dns.TypeA {
		for _, address := range addresses {
			header := dns.RR_Header{Name: question.Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: ttl}
			reply.Answer = append(reply.Answer, &dns.A{Hdr: header, A: address})
		}
	}
	return reply
}

func listen(network string) {
	log.Fatal((&dns.Server{Addr: ":53", Net: network}).ListenAndServe())
}

func serveStatus(address, path string, fine func() bool) {
	mux := http.NewServeMux()
	mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
		if !fine() {
			http.Error(w, "not ready", http.StatusServiceUnavailable)
		}
	})
	log.Fatal(http.ListenAndServe(address, mux))
}

func main() {
	conf := flag.String("conf", "/etc/coredns/Corefile", "the Corefile")
	flag.Parse()
	corefile, err := os.ReadFile(*conf)
	if err != nil {
		log.Fatal(err)
	}
	config, err := rest.InClusterConfig()
	if err != nil {
		log.Fatal(err)
	}
	factory := informers.NewSharedInformerFactory(kubernetes.NewForConfigOrDie(config), 10*time.Minute)
	services, endpoints := factory.Core().V1().Services(), factory.Core().V1().Endpoints()
	known := resolver{zone: zoneOf(string(corefile)), services: services.Lister(), endpoints: endpoints.Lister()}
	synced := []cache.InformerSynced{services.Informer().HasSynced, endpoints.Informer().HasSynced}

	var ready atomic.Bool
	go serveStatus(":8080", "/health", func() bool { return true })
	go serveStatus(":8181", "/ready", ready.Load)
	factory.Start(nil)
	cache.WaitForCacheSync(nil, synced...)
	dns.HandleFunc(".", func(w dns.ResponseWriter, query *dns.Msg) {
		if err := w.WriteMsg(answer(known, query)); err != nil {
			log.Print(err)
		}
	})
	go listen("tcp")
	// The port is taken before the pod calls itself ready.
	packets, err := net.ListenPacket("udp", ":53")
	if err != nil {
		log.Fatal(err)
	}
	ready.Store(true)
	log.Printf("stand-in for CoreDNS: answering for %s", known.zone)
	log.Fatal(dns.ActivateAndServe(nil, packets, nil))
}
