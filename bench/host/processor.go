package host

import (
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
)

const cpus = "sys/devices/system/cpu/"

func (m *Machine) cpuinfo(key string) string { return m.field("proc/cpuinfo", key) }

// virtual reports whether there is a hypervisor below us. x86 has a flag for
// it; elsewhere the firmware may tell.
func (m *Machine) virtual() string {
	if flags := m.cpuinfo("flags"); flags != "" {
		return yesNo(strings.Contains(" "+flags+" ", " hypervisor "))
	}
	switch {
	case m.hypervisor() != "":
		return "yes"
	case m.file("proc/cpuinfo") == "":
		return ""
	}
	return "no"
}

// hypervisor names it, as far as it shows.
func (m *Machine) hypervisor() string {
	if xen := m.file("sys/hypervisor/type"); xen != "" {
		return xen
	}
	vendor, product := m.file("sys/class/dmi/id/sys_vendor"), m.file("sys/class/dmi/id/product_name")
	for _, guest := range []string{"QEMU", "KVM", "VMware", "VirtualBox", "innotek", "Xen", "Virtual Machine", "Google Compute", "Amazon EC2", "OpenStack", "Parallels", "Apple Virtualization"} {
		if strings.Contains(vendor+" "+product, guest) && !strings.Contains(product, ".metal") {
			return vendor + " " + product
		}
	}
	return ""
}

// container names what confines this process, as far as it shows.
func (m *Machine) container() string {
	for name, what := range map[string]string{".dockerenv": "docker", "run/.containerenv": "podman"} {
		if _, err := fs.Stat(m.Root, name); err == nil {
			return what
		}
	}
	groups := m.file("proc/self/cgroup")
	for _, what := range []string{"kubepods", "docker", "lxc", "podman", "containerd"} {
		if strings.Contains(groups, what) {
			return what
		}
	}
	if groups == "" {
		return ""
	}
	return "none seen"
}

// frequency returns the range of the processor's frequency.
func (m *Machine) frequency() string {
	low, err1 := strconv.Atoi(m.file(cpus + "cpu0/cpufreq/cpuinfo_min_freq"))
	high, err2 := strconv.Atoi(m.file(cpus + "cpu0/cpufreq/cpuinfo_max_freq"))
	if err1 != nil || err2 != nil {
		return ""
	}
	return fmt.Sprintf("%d to %d MHz", low/1000, high/1000)
}

// turbo returns "on" if the processor may run faster than its nominal speed.
func (m *Machine) turbo() string {
	switch {
	case m.file(cpus+"intel_pstate/no_turbo") == "0", m.file(cpus+"cpufreq/boost") == "1":
		return "on"
	case m.file(cpus+"intel_pstate/no_turbo") == "1", m.file(cpus+"cpufreq/boost") == "0":
		return "off"
	}
	return ""
}

// throttled returns how often the first core was slowed down for its heat since
// the machine was started.
func (m *Machine) throttled() string {
	n, err := strconv.Atoi(m.file(cpus + "cpu0/thermal_throttle/core_throttle_count"))
	if err != nil {
		return ""
	}
	return fmt.Sprintf("%d times", n)
}

// power returns "battery" if nothing else feeds the machine.
func (m *Machine) power() string {
	const dir = "sys/class/power_supply"
	supplies, _ := fs.ReadDir(m.Root, dir)
	battery, mains := false, false
	for _, s := range supplies {
		switch name := dir + "/" + s.Name(); m.file(name + "/type") {
		case "Battery":
			battery = battery || m.file(name+"/scope") != "Device" // not that of a mouse
		case "Mains", "USB":
			mains = mains || m.file(name+"/online") == "1"
		}
	}
	if battery && !mains {
		return "battery"
	}
	if mains {
		return "mains"
	}
	return ""
}

// mitigations counts known CPU vulnerabilities by status: mitigations change
// the price of every system call.
func (m *Machine) mitigations() string {
	const dir = cpus + "vulnerabilities"
	files, _ := fs.ReadDir(m.Root, dir)
	mitigated, vulnerable := 0, 0
	for _, f := range files {
		switch text := m.file(dir + "/" + f.Name()); {
		case strings.HasPrefix(text, "Mitigation"):
			mitigated++
		case strings.HasPrefix(text, "Vulnerable"):
			vulnerable++
		}
	}
	if len(files) == 0 {
		return ""
	}
	return fmt.Sprintf("%d mitigated, %d open", mitigated, vulnerable)
}

// isolated returns the CPUs that the scheduler leaves alone.
func (m *Machine) isolated() string {
	if text, err := fs.ReadFile(m.Root, cpus+"isolated"); err == nil && strings.TrimSpace(string(text)) == "" {
		return "none"
	}
	return m.file(cpus + "isolated")
}

// nodes counts the NUMA nodes that have memory.
func (m *Machine) nodes() string {
	list := m.file("sys/devices/system/node/has_memory")
	if list == "" {
		list = m.file("sys/devices/system/node/online")
	}
	nodes, err := ParseCPUs(list)
	if err != nil {
		return ""
	}
	return strconv.Itoa(len(nodes))
}

// siblings returns the CPUs that share a core with one, itself included; none
// if that is not known.
func (m *Machine) siblings(cpu int) []int {
	all, _ := ParseCPUs(m.file(cpus + "cpu" + strconv.Itoa(cpu) + "/topology/thread_siblings_list"))
	return all
}

// threads returns how many CPUs the first core has.
func (m *Machine) threads() string {
	if n := len(m.siblings(0)); n > 0 {
		return strconv.Itoa(n)
	}
	return ""
}

// Spread puts CPUs into the order in which a case should use them: one of every
// core first, then the second of every core. A case on two CPUs of four then
// has two cores and not two halves of one. What is not known keeps its order.
func (m *Machine) Spread(cpus []int) []int {
	rank := make(map[int]int)
	for _, cpu := range cpus {
		for _, other := range m.siblings(cpu) {
			if other < cpu && slices.Contains(cpus, other) {
				rank[cpu]++
			}
		}
	}
	spread := slices.Clone(cpus)
	slices.SortStableFunc(spread, func(a, b int) int { return rank[a] - rank[b] })
	return spread
}
