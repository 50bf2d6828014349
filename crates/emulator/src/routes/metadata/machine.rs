//! What only Compute Engine's metadata server has: type, processor, image, network, disks, maintenance. The
//! names are those of Google's list of predefined keys.

use serde_json::{Value, json};

use super::tree::MetadataNode;
use crate::hardware::{Disk, NetworkInterface};
use crate::metadata::Instance;

/// The names that only a virtual machine has.
pub(crate) fn build(instance: &Instance, number: u64) -> Vec<(&'static str, MetadataNode)> {
    let text = |text: &str| MetadataNode::Value(text.into());
    let truth = |flag: bool| MetadataNode::Value(if flag { "TRUE" } else { "FALSE" }.into());
    let licenses = instance
        .licenses
        .iter()
        .map(|id| MetadataNode::Dir(vec![("id", MetadataNode::Value(id.clone().into()))]));
    let disks = instance.disks.iter().enumerate().map(|(i, one)| disk(one, i));
    let interfaces = instance.network_interfaces.iter().map(|one| interface(one, number));
    let on_maintenance = if instance.preemptible { "TERMINATE" } else { "MIGRATE" };
    let scheduling = vec![
        ("automatic-restart", truth(!instance.preemptible)),
        ("on-host-maintenance", text(on_maintenance)),
        ("preemptible", truth(instance.preemptible)),
    ];
    vec![
        ("cpu-platform", text(&instance.cpu_platform)),
        ("description", text(&instance.description)),
        ("disks", MetadataNode::Items(disks.collect())),
        ("image", text(&instance.image)),
        ("licenses", MetadataNode::Items(licenses.collect())),
        ("machine-type", text(&format!("projects/{number}/machineTypes/{}", instance.machine_type))),
        ("maintenance-event", text(&instance.maintenance_event)),
        ("network-interfaces", MetadataNode::Items(interfaces.collect())),
        ("preempted", truth(instance.preempted)),
        ("remaining-cpu-time", MetadataNode::Value((-1).into())),
        ("scheduling", MetadataNode::Dir(scheduling)),
        ("tags", MetadataNode::Json(instance.tags.clone().into())),
        ("virtual-clock", MetadataNode::Dir(vec![("drift-token", text("0"))])),
    ]
}

fn disk(disk: &Disk, index: usize) -> MetadataNode {
    let mode = if disk.read_only { "READ_ONLY" } else { "READ_WRITE" };
    MetadataNode::Dir(vec![
        ("device-name", MetadataNode::Value(disk.name.clone().into())),
        ("index", MetadataNode::Value(index.into())),
        ("interface", MetadataNode::Value("SCSI".into())),
        ("mode", MetadataNode::Value(mode.into())),
        ("type", MetadataNode::Value(disk.kind.clone().into())),
    ])
}

fn interface(one: &NetworkInterface, number: u64) -> MetadataNode {
    let text = |value: String| MetadataNode::Value(value.into());
    let external = one.external_ip.map(|ip| ip.to_string()).unwrap_or_default();
    let access = MetadataNode::Dir(vec![
        ("external-ip", text(external)),
        ("type", MetadataNode::Value("ONE_TO_ONE_NAT".into())),
    ]);
    let nothing = || MetadataNode::Items(Vec::new());
    MetadataNode::Dir(vec![
        ("access-configs", MetadataNode::Items(vec![access])),
        ("dns-servers", MetadataNode::Value(json!(["169.254.169.254"]))),
        ("forwarded-ips", nothing()),
        ("gateway", text(one.gateway().to_string())),
        ("ip", text(one.ip.to_string())),
        ("ip-aliases", nothing()),
        ("mac", text(one.mac())),
        ("mtu", MetadataNode::Value(Value::from(1460))),
        ("network", text(format!("projects/{number}/networks/{}", one.network))),
        ("subnetmask", text("255.255.255.0".to_owned())),
        ("target-instance-ips", nothing()),
    ])
}
