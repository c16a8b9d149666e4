// Copyright (c) 2026, podnet.lab contributors
// GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"bytes"
	"context"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// runtime is a container runtime with one pod, one container that has ended, and one image.
type runtime struct {
	cri.UnimplementedRuntimeServiceServer
	cri.UnimplementedImageServiceServer
	removed []string
}

func (r *runtime) Version(context.Context, *cri.VersionRequest) (*cri.VersionResponse, error) {
	return &cri.VersionResponse{Version: "0.1.0", RuntimeName: "containerd", RuntimeVersion: "1.6.20", RuntimeApiVersion: "v1"}, nil
}

func (r *runtime) Status(context.Context, *cri.StatusRequest) (*cri.StatusResponse, error) {
	return &cri.StatusResponse{Status: &cri.RuntimeStatus{}, Info: map[string]string{"config": `{"sandboxImage": "pause"}`}}, nil
}

func (r *runtime) ListPodSandbox(context.Context, *cri.ListPodSandboxRequest) (*cri.ListPodSandboxResponse, error) {
	pod := &cri.PodSandbox{
		Id:       "0123456789abcdef0123",
		Metadata: &cri.PodSandboxMetadata{Name: "pod1", Namespace: "default"},
		State:    cri.PodSandboxState_SANDBOX_READY,
	}
	return &cri.ListPodSandboxResponse{Items: []*cri.PodSandbox{pod}}, nil
}

func (r *runtime) ListContainers(_ context.Context, q *cri.ListContainersRequest) (*cri.ListContainersResponse, error) {
	if q.Filter.GetState().GetState() == cri.ContainerState_CONTAINER_RUNNING && q.Filter.GetState() != nil {
		return &cri.ListContainersResponse{}, nil
	}
	ended := &cri.Container{
		Id:       "fedcba9876543210",
		Metadata: &cri.ContainerMetadata{Name: "web"},
		State:    cri.ContainerState_CONTAINER_EXITED,
	}
	return &cri.ListContainersResponse{Containers: []*cri.Container{ended}}, nil
}

func (r *runtime) RemovePodSandbox(_ context.Context, q *cri.RemovePodSandboxRequest) (*cri.RemovePodSandboxResponse, error) {
	r.removed = append(r.removed, q.PodSandboxId)
	return &cri.RemovePodSandboxResponse{}, nil
}

func (r *runtime) ImageStatus(_ context.Context, q *cri.ImageStatusRequest) (*cri.ImageStatusResponse, error) {
	if q.Image.Image != "pause:3.2" {
		return &cri.ImageStatusResponse{}, nil
	}
	return &cri.ImageStatusResponse{Image: &cri.Image{Id: "sha256:1"}}, nil
}

func serve(t *testing.T) (*runtime, string) {
	socket := filepath.Join(t.TempDir(), "runtime.sock")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	made, server := &runtime{}, grpc.NewServer()
	cri.RegisterRuntimeServiceServer(server, made)
	cri.RegisterImageServiceServer(server, made)
	go server.Serve(listener)
	t.Cleanup(server.Stop)
	return made, socket
}

func said(t *testing.T, words ...string) string {
	var out bytes.Buffer
	if err := run(words, &out); err != nil {
		t.Fatalf("%v: %v", words, err)
	}
	return out.String()
}

func TestWhatKubeadmCalls(t *testing.T) {
	made, socket := serve(t)
	if text := said(t, "-r", socket, "info"); !strings.Contains(text, `"sandboxImage": "pause"`) {
		t.Error(text)
	}
	if text := said(t, "-r", "unix://"+socket, "pods", "-q"); text != "0123456789abcdef0123\n" {
		t.Error(text)
	}
	said(t, "-r", socket, "inspecti", "pause:3.2")
	if text := said(t, "-r", socket, "rmp", "one", "two"); strings.Join(made.removed, " ") != "one two" {
		t.Error(text, made.removed)
	}
}

func TestTables(t *testing.T) {
	_, socket := serve(t)
	pods := strings.Split(said(t, "-r", socket, "pods"), "\n")
	if fields := strings.Fields(pods[1]); fields[0] != "0123456789abc" || fields[2] != "Ready" || fields[3] != "pod1" {
		t.Error(pods)
	}
	if text := said(t, "-r", socket, "ps", "-q"); text != "" {
		t.Error(text)
	}
	if text := said(t, "-r", socket, "ps", "--all"); !strings.Contains(text, "Exited") {
		t.Error(text)
	}
}

func TestFailures(t *testing.T) {
	_, socket := serve(t)
	for expected, words := range map[string][]string{
		"no such image":     {"-r", socket, "inspecti", "absent"},
		"is missing":        {"-r", socket, "stopp"},
		"no command":        {"-r", socket, "exec"},
		"Unimplemented":     {"-r", socket, "pull", "image"},
		"connection error":  {"-r", socket + ".absent", "info"},
		"flag provided but": {"-r", socket, "ps", "--output", "json"},
	} {
		if err := run(words, new(bytes.Buffer)); err == nil || !strings.Contains(err.Error(), expected) {
			t.Errorf("%v: %v", words, err)
		}
	}
}

func TestVersionAsksNobody(t *testing.T) {
	if text := said(t, "--version"); text != "crictl version v0.0.0-stand-in\n" {
		t.Error(text)
	}
}

func TestEndpoint(t *testing.T) {
	configuration := "timeout: 10\nruntime-endpoint: \"unix:///configured.sock\"\n"
	for expected, given := range map[string][3]string{
		defaultEndpoint:           {"", "", ""},
		"unix:///configured.sock": {"", "", configuration},
		"unix:///variable.sock":   {"", "/variable.sock", configuration},
		"unix:///option.sock":     {"unix:///option.sock", "/variable.sock", configuration},
	} {
		if endpoint := endpointOf(given[0], given[1], given[2]); endpoint != expected {
			t.Errorf("%v: %s", given, endpoint)
		}
	}
}
