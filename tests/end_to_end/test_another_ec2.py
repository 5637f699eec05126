"""The same tests with an EC2 by other authors, moto's, so that no misunderstanding of ministack's or ours is believed.

Left out is what moto understands otherwise than AWS documents it: it takes the sharing of snapshots in the flat form
only, tells of a call that authorises several permissions only the last one's rules, and has no tags in instance
metadata. Endpoint services and flow logs would need a load balancer and a bucket there.
"""

import pytest
import test_ec2_sharing_and_settings as settings
from test_ec2_sharing_and_settings import (  # noqa: F401
    test_a_rule_of_a_network_acl_that_lets_the_world_in_is_deleted,
    test_the_world_goes_out_of_a_prefix_list_that_a_security_group_lets_in,
)
from test_reverts import (  # noqa: F401
    test_a_burst_is_taken_back_one_by_one,
    test_a_rule_that_is_changed_into_an_open_one,
    test_an_open_security_group_is_closed,
    test_another_rule_stays_as_it_is,
    test_flat_parameters_and_a_group_called_by_its_name,
    test_the_world_in_a_prefix_list,
    test_the_world_in_two_halves,
    test_undo_puts_a_rule_back_and_it_stays,
)


@pytest.fixture(scope="module")
def snapback(deployed):
    return deployed(mode="revert", ec2="moto")


def test_an_image_is_shared_with_strangers_no_more(snapback):
    settings.test_it_is_shared_with_the_event_s_strangers_no_more_and_undo_shares_it_again(
        snapback, "ec2-shared-image"
    )


def test_volumes_are_encrypted_by_default_again(snapback):
    settings.test_a_switch_is_turned_back_and_undo_turns_it_again(snapback, "ec2-unencrypted-volumes")
