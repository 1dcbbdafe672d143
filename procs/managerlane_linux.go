package procs

// descriptorSender is a transport that carries descriptors: the other side is on this machine.
type descriptorSender = *packetSocket
