// Copyright (c) 2026, podnet.lab contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// Command podnet-crictl is a stand-in for crictl of cri-tools, which Debian 12 does not have; for tests only.
//
// It has what kubeadm calls and what a person looks with: version, info, pods, ps, images, inspect, inspectp, inspecti,
// pull, stop, rm, stopp and rmp, with the options -a, -q and -f, before the IDs. JSON has the names of the protocol's
// fields. Everything else is refused.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
	"sort"
	"strings"
	"text/tabwriter"
	"time"

	"google.golang.org/grpc"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

const (
	release         = "v0.0.0-stand-in"
	defaultEndpoint = "unix:///run/containerd/containerd.sock"
	timeout         = 2 * time.Minute
	shortID         = 13
)

// call is one command: what it was given, and whom it asks.
type call struct {
	context           context.Context
	runtime           cri.RuntimeServiceClient
	images            cri.ImageServiceClient
	out               io.Writer
	all, quiet, force bool
	ids               []string
}

var commands = map[string]func(call) error{
	"version":  version,
	"info":     info,
	"pods":     pods,
	"ps":       containers,
	"images":   images,
	"inspect":  each(inspectContainer),
	"inspectp": each(inspectPod),
	"inspecti": each(inspectImage),
	"pull":     each(pull),
	"stop":     each(stopContainer),
	"rm":       each(removeContainer),
	"stopp":    each(stopPod),
	"rmp":      each(removePod),
}

// each runs a command for every ID that was given.
func each(one func(call, string) error) func(call) error {
	return func(c call) error {
		if len(c.ids) == 0 {
			return errors.New("an ID or a name is missing")
		}
		for _, id := range c.ids {
			if err := one(c, id); err != nil {
				return fmt.Errorf("%s: %w", id, err)
			}
		}
		return nil
	}
}

func version(c call) error {
	answer, err := c.runtime.Version(c.context, &cri.VersionRequest{})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.out, "Version:  %s\nRuntimeName:  %s\nRuntimeVersion:  %s\nRuntimeApiVersion:  %s\n",
		answer.Version, answer.RuntimeName, answer.RuntimeVersion, answer.RuntimeApiVersion)
	return err
}

func info(c call) error {
	answer, err := c.runtime.Status(c.context, &cri.StatusRequest{Verbose: true})
	if err != nil {
		return err
	}
	return show(c, answer.Status, answer.Info)
}

func pods(c call) error {
	answer, err := c.runtime.ListPodSandbox(c.context, &cri.ListPodSandboxRequest{})
	if err != nil {
		return err
	}
	sort.Slice(answer.Items, func(i, j int) bool { return answer.Items[i].CreatedAt > answer.Items[j].CreatedAt })
	rows := [][]string{{"POD ID", "CREATED", "STATE", "NAME", "NAMESPACE", "ATTEMPT"}}
	for _, pod := range answer.Items {
		state := state(pod.State.String(), "SANDBOX_")
		rows = append(rows, []string{
			pod.Id, date(pod.CreatedAt), state, pod.Metadata.Name, pod.Metadata.Namespace, fmt.Sprint(pod.Metadata.Attempt),
		})
	}
	return table(c, rows)
}

func containers(c call) error {
	request := &cri.ListContainersRequest{}
	if !c.all {
		running := &cri.ContainerStateValue{State: cri.ContainerState_CONTAINER_RUNNING}
		request.Filter = &cri.ContainerFilter{State: running}
	}
	answer, err := c.runtime.ListContainers(c.context, request)
	if err != nil {
		return err
	}
	found := answer.Containers
	sort.Slice(found, func(i, j int) bool { return found[i].CreatedAt > found[j].CreatedAt })
	rows := [][]string{{"CONTAINER", "CREATED", "STATE", "NAME", "ATTEMPT", "POD ID", "POD"}}
	for _, one := range found {
		rows = append(rows, []string{
			one.Id, date(one.CreatedAt), state(one.State.String(), "CONTAINER_"), one.Metadata.Name,
			fmt.Sprint(one.Metadata.Attempt), short(one.PodSandboxId), one.Labels["io.kubernetes.pod.name"],
		})
	}
	return table(c, rows)
}

func images(c call) error {
	answer, err := c.images.ListImages(c.context, &cri.ListImagesRequest{})
	if err != nil {
		return err
	}
	rows := [][]string{{"IMAGE ID", "SIZE", "NAMES"}}
	for _, image := range answer.Images {
		size := fmt.Sprintf("%.1fMB", float64(image.Size_)/1e6)
		rows = append(rows, []string{image.Id, size, strings.Join(image.RepoTags, " ")})
	}
	return table(c, rows)
}

func inspectContainer(c call, id string) error {
	answer, err := c.runtime.ContainerStatus(c.context, &cri.ContainerStatusRequest{ContainerId: id, Verbose: true})
	if err != nil {
		return err
	}
	return show(c, answer.Status, answer.Info)
}

func inspectPod(c call, id string) error {
	answer, err := c.runtime.PodSandboxStatus(c.context, &cri.PodSandboxStatusRequest{PodSandboxId: id, Verbose: true})
	if err != nil {
		return err
	}
	return show(c, answer.Status, answer.Info)
}

func inspectImage(c call, name string) error {
	answer, err := c.images.ImageStatus(c.context, &cri.ImageStatusRequest{Image: &cri.ImageSpec{Image: name}, Verbose: true})
	if err != nil {
		return err
	}
	if answer.Image == nil {
		return errors.New("no such image")
	}
	return show(c, answer.Image, answer.Info)
}

func pull(c call, name string) error {
	answer, err := c.images.PullImage(c.context, &cri.PullImageRequest{Image: &cri.ImageSpec{Image: name}})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(c.out, "Image is up to date for", answer.ImageRef)
	return err
}

func stopContainer(c call, id string) error {
	_, err := c.runtime.StopContainer(c.context, &cri.StopContainerRequest{ContainerId: id})
	return done(c, id, err)
}

func removeContainer(c call, id string) error {
	if c.force {
		if _, err := c.runtime.StopContainer(c.context, &cri.StopContainerRequest{ContainerId: id}); err != nil {
			return err
		}
	}
	_, err := c.runtime.RemoveContainer(c.context, &cri.RemoveContainerRequest{ContainerId: id})
	return done(c, id, err)
}

func stopPod(c call, id string) error {
	_, err := c.runtime.StopPodSandbox(c.context, &cri.StopPodSandboxRequest{PodSandboxId: id})
	return done(c, "Stopped sandbox "+id, err)
}

func removePod(c call, id string) error {
	if c.force {
		if _, err := c.runtime.StopPodSandbox(c.context, &cri.StopPodSandboxRequest{PodSandboxId: id}); err != nil {
			return err
		}
	}
	_, err := c.runtime.RemovePodSandbox(c.context, &cri.RemovePodSandboxRequest{PodSandboxId: id})
	return done(c, "Removed sandbox "+id, err)
}

func done(c call, text string, err error) error {
	if err == nil {
		_, err = fmt.Fprintln(c.out, text)
	}
	return err
}

// show prints a status and what the runtime says of itself, whose values are JSON or plain text.
func show(c call, status interface{}, info map[string]string) error {
	values := map[string]interface{}{"status": status}
	for name, text := range info {
		if json.Valid([]byte(text)) {
			values[name] = json.RawMessage(text)
		} else {
			values[name] = text
		}
	}
	encoder := json.NewEncoder(c.out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(values)
}

// table prints rows below a heading; IDs, the first column, alone and whole when quiet.
func table(c call, rows [][]string) error {
	if c.quiet {
		for _, row := range rows[1:] {
			if _, err := fmt.Fprintln(c.out, row[0]); err != nil {
				return err
			}
		}
		return nil
	}
	writer := tabwriter.NewWriter(c.out, 0, 8, 3, ' ', 0)
	for number, row := range rows {
		if number > 0 {
			row[0] = short(row[0])
		}
		fmt.Fprintln(writer, strings.Join(row, "\t"))
	}
	return writer.Flush()
}

func short(id string) string {
	id = strings.TrimPrefix(id, "sha256:")
	if len(id) > shortID {
		id = id[:shortID]
	}
	return id
}

func state(name, prefix string) string {
	return strings.Title(strings.ToLower(strings.TrimPrefix(name, prefix)))
}

func date(nanoseconds int64) string {
	return time.Unix(0, nanoseconds).UTC().Format(time.RFC3339)
}

var configuredEndpoint = regexp.MustCompile(`(?m)^runtime-endpoint:\s*["']?([^"'\s]+)`)

// endpointOf returns the runtime's address by crictl's order: option, variable, configuration.
func endpointOf(option, variable, configuration string) string {
	endpoint := defaultEndpoint
	if found := configuredEndpoint.FindStringSubmatch(configuration); found != nil {
		endpoint = found[1]
	}
	for _, better := range []string{variable, option} {
		if better != "" {
			endpoint = better
		}
	}
	if !strings.Contains(endpoint, "://") {
		endpoint = "unix://" + endpoint
	}
	return endpoint
}

func parse(words []string) (endpoint, name string, c call, err error) {
	global := flag.NewFlagSet("crictl", flag.ContinueOnError)
	onlyVersion := false
	config := "/etc/crictl.yaml"
	option := ""
	for _, spelling := range []string{"r", "runtime-endpoint"} {
		global.StringVar(&option, spelling, "", "address of the container runtime")
	}
	for _, spelling := range []string{"c", "config"} {
		global.StringVar(&config, spelling, config, "configuration file")
	}
	for _, spelling := range []string{"v", "version"} {
		global.BoolVar(&onlyVersion, spelling, false, "print the version")
	}
	if err = global.Parse(words); err != nil {
		return
	}
	if onlyVersion {
		return "", "", c, nil
	}
	name = global.Arg(0)
	if _, known := commands[name]; !known {
		names := make([]string, 0, len(commands))
		for known := range commands {
			names = append(names, known)
		}
		sort.Strings(names)
		err = fmt.Errorf("%q is no command of this stand-in; it has %s", name, strings.Join(names, ", "))
		return
	}
	local := flag.NewFlagSet(name, flag.ContinueOnError)
	for spelling, value := range map[string]*bool{
		"a": &c.all, "all": &c.all, "q": &c.quiet, "quiet": &c.quiet, "f": &c.force, "force": &c.force,
	} {
		local.BoolVar(value, spelling, false, "as crictl's")
	}
	if err = local.Parse(global.Args()[1:]); err != nil {
		return
	}
	c.ids = local.Args()
	configuration, _ := os.ReadFile(config) // that there is none is no fault
	return endpointOf(option, os.Getenv("CONTAINER_RUNTIME_ENDPOINT"), string(configuration)), name, c, nil
}

func run(words []string, out io.Writer) error {
	endpoint, name, c, err := parse(words)
	if err != nil {
		return err
	}
	if name == "" {
		_, err = fmt.Fprintln(out, "crictl version", release)
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	connection, err := grpc.Dial(endpoint, grpc.WithInsecure(), grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(16<<20)))
	if err != nil {
		return err
	}
	defer connection.Close()
	c.context, c.out = ctx, out
	c.runtime, c.images = cri.NewRuntimeServiceClient(connection), cri.NewImageServiceClient(connection)
	return commands[name](c)
}

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "crictl:", err)
		os.Exit(1)
	}
}
